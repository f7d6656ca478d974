// Answers that are bound by a schema.
import assert from "node:assert/strict";
import { test } from "node:test";

import { client, create, model } from "./chat.mjs";

const schema = {
  type: "object",
  properties: {
    name: { type: "string", minLength: 1, maxLength: 20 },
    age: { type: "integer", minimum: 0, maximum: 120 },
    city: { enum: ["Jaipur", "Delhi"] },
  },
  required: ["name", "age", "city"],
  additionalProperties: false,
};
const options = {
  messages: [{ role: "user", content: "रमेश शर्मा 34 साल के हैं और जयपुर में रहते हैं।" }],
  response_format: { type: "json_schema", json_schema: { name: "person", schema, strict: true } },
  max_tokens: 250,
  seed: 1,
};

function check(choice) {
  assert.equal(choice.finish_reason, "stop");
  const person = JSON.parse(choice.message.content);
  assert.deepEqual(Object.keys(person), ["name", "age", "city"]);
  assert.ok(Number.isInteger(person.age) && person.age >= 0 && person.age <= 120);
  assert.ok(["Jaipur", "Delhi"].includes(person.city));
}

test("an answer conforms, streamed and whole", async () => {
  const whole = await create(options);
  check(whole.choices[0]);
  const streamed = await client.chat.completions.stream({ model, ...options }).finalChatCompletion();
  assert.equal(streamed.choices[0].message.content, whole.choices[0].message.content);
  check(streamed.choices[0]);
});

test("parse gives the value", async () => {
  const answer = await client.chat.completions.parse({ model, ...options });
  assert.equal(answer.choices[0].message.parsed.age, JSON.parse(answer.choices[0].message.content).age);
});

test("what a grammar cannot say is checked", async () => {
  const numbers = { type: "array", items: { enum: [1, 2, 3, 4, 5, 6, 7] }, uniqueItems: true, minItems: 3 };
  const answer = await create({
    ...options,
    response_format: { type: "json_schema", json_schema: { name: "numbers", schema: numbers } },
  });
  const { finish_reason: reason, message } = answer.choices[0];
  if (reason === "stop") {
    const found = JSON.parse(message.content);
    assert.equal(new Set(found).size, found.length);
  } else {
    assert.equal(reason, "length");
  }
});
