// Function calls: the client's own runner, and its stream.
import assert from "node:assert/strict";
import { test } from "node:test";

import OpenAI from "openai";

import { client, create, model } from "./chat.mjs";

const parameters = {
  type: "object",
  properties: { city: { enum: ["Jaipur", "Delhi"] }, days: { type: "integer", minimum: 1, maximum: 7 } },
  required: ["city", "days"],
  additionalProperties: false,
};
const options = {
  model,
  messages: [{ role: "user", content: "What is the weather in Delhi for the next 3 days?" }],
  max_tokens: 70,
  seed: 1,
};
const tools = [{ type: "function", function: { name: "get_weather", description: "Tells the weather.", parameters } }];

function check(text) {
  const found = JSON.parse(text);
  assert.deepEqual(Object.keys(found), ["city", "days"]);
  assert.ok(["Jaipur", "Delhi"].includes(found.city) && Number.isInteger(found.days));
  return found;
}

test("a call is the same streamed and whole", async () => {
  const ask = { ...options, tools, tool_choice: "required", parallel_tool_calls: false };
  const whole = (await create(ask)).choices[0];
  const streamed = (await client.chat.completions.stream(ask).finalChatCompletion()).choices[0];
  for (const choice of [whole, streamed]) {
    assert.equal(choice.finish_reason, "tool_calls");
    assert.equal(choice.message.content, null);
    assert.match(choice.message.tool_calls[0].id, /^call_forii_[0-9a-f]{24}$/);
    check(choice.message.tool_calls[0].function.arguments);
  }
  assert.deepEqual(streamed.message.tool_calls[0].function.arguments, whole.message.tool_calls[0].function.arguments);
});

// A small model would go on to call as long as it has to, so once there is a result it has to answer, in one word.
const word = { type: "json_schema", json_schema: { name: "word", schema: { enum: ["sunny", "rainy"] } } };
async function answerAfterResults(url, init) {
  const body = JSON.parse(init.body);
  if (body.messages.some((message) => message.role === "tool")) {
    Object.assign(body, { tool_choice: "none", response_format: word });
  }
  return fetch(url, { ...init, body: JSON.stringify(body) });
}

for (const stream of [false, true]) {
  test(`the runner calls the function and comes back with an answer, ${stream ? "streamed" : "whole"}`, async () => {
    const runner = new OpenAI({ baseURL: client.baseURL, apiKey: "none", maxRetries: 0, fetch: answerAfterResults });
    const asked = [];
    const weather = { ...tools[0].function, parse: check, function: (found) => (asked.push(found), "Sunny, 31 degrees") };
    const ran = runner.chat.completions.runTools({
      ...options,
      stream,
      tools: [{ type: "function", function: weather }],
      tool_choice: "required",
      parallel_tool_calls: false,
    });
    const text = await ran.finalContent();
    assert.ok(["sunny", "rainy"].includes(JSON.parse(text)));
    assert.ok(asked.length >= 1);
    assert.deepEqual(ran.messages.map((message) => message.role).slice(0, 3), ["user", "assistant", "tool"]);
  });
}
