// The client and short words for what the tests send. The test that starts us says where the server is.
import OpenAI from "openai";

export const model = process.env.FORII_MODEL;
export const client = new OpenAI({ baseURL: process.env.FORII_BASE_URL, apiKey: "none", maxRetries: 0 });

export const story = [{ role: "user", content: "Tell me a story about a lion." }];

// With it the model says the same over and over: an answer that ends only where its room does.
export const endless = { frequency_penalty: -2, temperature: 0, max_tokens: 1500 };

export function create(options, request) {
  return client.chat.completions.create({ model, messages: story, ...options }, request);
}

// How many sequences the engine runs, by its own metric.
export async function running() {
  const page = await (await fetch(process.env.FORII_ENGINE)).text();
  const ours = /^forii_engine_sequences_running\{.*\} ([0-9.]+)$/m;
  const nvidia = /^nv_trt_llm_request_metrics\{.*request_type="active".*\} ([0-9.]+)$/m;
  return Number((page.match(ours) ?? page.match(nvidia))[1]);
}

// Waits until so many run; returns how many milliseconds that took.
export async function untilRunning(count, limit) {
  const started = performance.now();
  for (let now = await running(); now !== count; now = await running()) {
    if (performance.now() - started > limit) throw new Error(`the engine runs ${now}, not ${count}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return performance.now() - started;
}
