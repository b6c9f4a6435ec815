// OpenAI's own package, unmodified: does what the test asks (JSON on standard input) and tells what came of it.
import OpenAI from "openai";

const { baseURL, apiKey, script } = JSON.parse(await new Response(process.stdin).text());
const ai = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const history = [];

async function chat(extra) {
  const answer = await ai.chat.completions.create({ model: "assistant", user: "sam", messages: history, ...extra });
  const text = answer.choices[0].message.content;
  history.push({ role: "assistant", content: text });
  return { text, usage: answer.usage, finish: answer.choices[0].finish_reason };
}

const steps = {
  async models() {
    const names = [];
    for await (const model of ai.models.list()) names.push(model.id);
    return { names, one: (await ai.models.retrieve("assistant")).id };
  },
  async say({ text }) {
    history.push({ role: "user", content: text });
    return chat();
  },
  async stream({ text }) {
    history.push({ role: "user", content: text });
    const pieces = [];
    let usage = null;
    const stream = await ai.chat.completions.create({
      model: "assistant",
      user: "sam",
      messages: history,
      stream: true,
      stream_options: { include_usage: true },
    });
    for await (const chunk of stream) {
      if (chunk.choices[0]?.delta?.content) pieces.push(chunk.choices[0].delta.content);
      usage = chunk.usage ?? usage;
    }
    history.push({ role: "assistant", content: pieces.join("") });
    return { pieces, usage };
  },
  async regenerate() {
    history.pop();
    return chat();
  },
  async edit({ turn, text }) {
    history.length = 2 * turn;
    history.push({ role: "user", content: text });
    return chat();
  },
  async embed({ input, encoding }) {
    const found = await ai.embeddings.create({ model: "all-MiniLM-L6-v2", input, encoding_format: encoding });
    return found.data.map((each) => each.embedding.length);
  },
  async fail({ model, key, messages, stream }) {
    const other = new OpenAI({ baseURL, apiKey: key ?? apiKey, maxRetries: 0 });
    try {
      const answer = await other.chat.completions.create({ model: model ?? "assistant", messages, stream });
      if (stream) for await (const _ of answer);
      return null;
    } catch (error) {
      return { kind: error.constructor.name, status: error.status, code: error.code, param: error.param, message: error.message };
    }
  },
};

const results = [];
for (const [name, options] of script) results.push(await steps[name](options ?? {}));
console.log(JSON.stringify(results));
