// What the answers say, whole and streamed.
import assert from "node:assert/strict";
import { test } from "node:test";

import { client, create, model, story } from "./chat.mjs";

const textOf = (answer, index = 0) => answer.choices[index].message.content;

test("a plain answer is complete", async () => {
  const answer = await create({
    messages: [{ role: "user", content: "Say hello." }],
    temperature: 0,
    max_tokens: 64,
  });
  assert.match(answer.id, /^chatcmpl-forii-[0-9a-f]{24}$/);
  assert.equal(answer.object, "chat.completion");
  assert.equal(answer.choices[0].finish_reason, "stop");
  assert.match(textOf(answer), /Hello/);
  assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
});

for (const [name, options] of Object.entries({
  greedy: { temperature: 0, max_tokens: 16 },
  sampled: { seed: 1, max_tokens: 16 },
  "three samples": { seed: 2, n: 3, max_tokens: 12 },
  stop: { temperature: 0, stop: ["on", "zz"], max_tokens: 16 },
  "log-probs": { seed: 3, logprobs: true, max_tokens: 8 },
  "one token": { temperature: 0, max_tokens: 1 },
})) {
  test(`a stream adds up to the whole answer: ${name}`, async () => {
    const stream = client.chat.completions.stream({ model, messages: story, ...options });
    const folded = await stream.finalChatCompletion();
    const whole = await create(options);
    const said = (answer) =>
      answer.choices.map((choice) => [
        choice.index,
        choice.message.role,
        choice.message.content,
        choice.finish_reason,
        choice.logprobs?.content?.map((entry) => [entry.token, entry.bytes]),
      ]);
    assert.deepEqual(said(folded), said(whole));
    assert.deepEqual(folded.usage, whole.usage);
  });
}

test("text streams in as it is made", async () => {
  const pieces = [];
  for await (const chunk of await create({ temperature: 0, max_tokens: 16, stream: true })) {
    pieces.push(chunk.choices[0]?.delta?.content || "");
  }
  assert.equal(pieces.join(""), textOf(await create({ temperature: 0, max_tokens: 16 })));
  assert.ok(pieces.filter((piece) => piece).length > 4);
});

test("usage comes apart when it is asked for", async () => {
  const chunks = await Array.fromAsync(
    await create({ max_tokens: 4, stream: true, stream_options: { include_usage: true } }),
  );
  const last = chunks.pop();
  assert.deepEqual(last.choices, []);
  assert.equal(last.usage.completion_tokens, 4);
  assert.ok(chunks.every((chunk) => chunk.usage === null));
});

test("a stop string ends the text before it", async () => {
  const whole = textOf(await create({ temperature: 0, max_tokens: 24 }));
  const stop = whole.slice(20, 26);
  const answer = await create({ temperature: 0, max_tokens: 24, stop });
  assert.equal(textOf(answer), whole.slice(0, whole.indexOf(stop)));
  assert.equal(answer.choices[0].finish_reason, "stop");
});

test("a seed repeats its answer, also while others run", async () => {
  const ask = () => create({ seed: 7, temperature: 1.2, max_tokens: 16 });
  const alone = textOf(await ask());
  const together = await Promise.all([ask(), create({ max_tokens: 16 }), ask(), create({ max_tokens: 16 })]);
  assert.deepEqual([textOf(together[0]), textOf(together[2])], [alone, alone]);
});

test("n samples differ", async () => {
  const answer = await create({ seed: 5, n: 3, max_tokens: 12 });
  assert.equal(new Set(answer.choices.map((choice) => choice.message.content)).size, 3);
  assert.equal(answer.usage.completion_tokens, 36);
});

test("log-probs are the answer token by token", async () => {
  const answer = await create({ temperature: 0, logprobs: true, max_tokens: 8 });
  const entries = answer.choices[0].logprobs.content;
  assert.equal(entries.map((entry) => entry.token).join(""), textOf(answer));
  assert.ok(entries.every((entry) => entry.logprob <= 0));
});

test("models are listed and described", async () => {
  const listed = (await client.models.list()).data;
  assert.deepEqual(listed.map((one) => one.id), [model]);
  assert.equal((await client.models.retrieve(model)).id, model);
});
