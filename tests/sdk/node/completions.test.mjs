// Text completions, whole and streamed.
import assert from "node:assert/strict";
import { test } from "node:test";

import OpenAI from "openai";

import { client, model } from "./chat.mjs";

const complete = (options) =>
  client.completions.create({ model, prompt: "The capital of France is", temperature: 0, ...options });

test("it goes on with the text", async () => {
  const answer = await complete({});
  assert.match(answer.id, /^cmpl-forii-[0-9a-f]{24}$/);
  assert.equal(answer.object, "text_completion");
  assert.match(answer.choices[0].text, /Paris/);
  assert.equal(answer.usage.completion_tokens, 16);
});

for (const [name, options] of Object.entries({
  greedy: {},
  "three samples": { seed: 2, temperature: 1, n: 3 },
  "echo and log-probs": { echo: true, logprobs: 0 },
})) {
  test(`a stream adds up to the whole answer: ${name}`, async () => {
    const whole = await complete(options);
    const texts = whole.choices.map(() => "");
    const tokens = whole.choices.map(() => []);
    let usage;
    for await (const chunk of await complete({ ...options, stream: true })) {
      for (const choice of chunk.choices) {
        texts[choice.index] += choice.text;
        tokens[choice.index].push(...(choice.logprobs?.tokens ?? []));
      }
      usage = chunk.usage ?? usage;
    }
    assert.deepEqual(texts, whole.choices.map((choice) => choice.text));
    assert.deepEqual(tokens, whole.choices.map((choice) => choice.logprobs?.tokens ?? []));
    assert.deepEqual(usage, whole.usage);
  });
}

test("an id past the vocabulary", async () => {
  await assert.rejects(complete({ prompt: [1, 49152] }), (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.deepEqual([error.code, error.param], ["invalid_value", "prompt[1]"]);
    return true;
  });
});
