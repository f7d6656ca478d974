// Wrong requests by the class that the client throws, and a client that goes away.
import assert from "node:assert/strict";
import { test } from "node:test";

import OpenAI from "openai";

import { create, endless, untilRunning } from "./chat.mjs";

for (const [options, code, param] of [
  [{ temperature: 3 }, "invalid_value", "temperature"],
  [{ messages: [] }, "invalid_value", "messages"],
  [{ stop: ["a", ""] }, "invalid_value", "stop[1]"],
  [{ messages: [{ role: "user", content: null }] }, "invalid_value", "messages[0].content"],
  [
    { response_format: { type: "json_schema", json_schema: { name: "x", schema: { type: "text" } } } },
    "invalid_json_schema",
    "response_format.json_schema.schema",
  ],
]) {
  for (const stream of [false, true]) {
    test(`${code} ${param}, ${stream ? "streamed" : "whole"}`, async () => {
      await assert.rejects(create({ ...options, stream }), (error) => {
        assert.ok(error instanceof OpenAI.BadRequestError);
        assert.deepEqual([error.status, error.code, error.param], [400, code, param]);
        return true;
      });
    });
  }
}

test("a model that is not served", async () => {
  await assert.rejects(create({ model: "forii/none" }), (error) => {
    assert.ok(error instanceof OpenAI.NotFoundError);
    assert.equal(error.code, "model_not_found");
    return true;
  });
});

test("breaking out of a stream frees the engine", async () => {
  const stream = await create({ ...endless, stream: true });
  for await (const chunk of stream) {
    if (chunk.choices[0].delta.content) break;
  }
  await untilRunning(0, 1000);
});

test("aborting three samples frees the engine", async () => {
  const stream = await create({ ...endless, n: 3, stream: true });
  await untilRunning(3, 5000);
  stream.controller.abort();
  await untilRunning(0, 1000);
});

test("aborting a whole answer frees the engine", async () => {
  const controller = new AbortController();
  const answer = create({ ...endless }, { signal: controller.signal });
  const refused = assert.rejects(answer, OpenAI.APIUserAbortError);
  await untilRunning(1, 5000);
  controller.abort();
  await refused;
  await untilRunning(0, 1000);
});
