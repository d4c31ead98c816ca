// What the JavaScript SDK makes of a server: told as JSON, a line for each thing. Arguments: address, key, agent's key.
import { Client } from "@langchain/langgraph-sdk";

const [apiUrl, apiKey, agentKey] = process.argv.slice(2);
const client = new Client({ apiUrl, apiKey });
const say = (text) => ({ messages: [{ type: "human", content: text }] });
const tell = (name, value) => console.log(JSON.stringify({ [name]: value }));

async function parts(stream) {
  const found = [];
  for await (const part of stream) found.push(part);
  return found;
}

const texts = (values) => values.messages.filter((one) => one.type === "ai").map((one) => one.content);

tell("assistants", (await client.assistants.search()).map((one) => one.assistant_id));
const thread = (await client.threads.create({ metadata: { from: "js" } })).thread_id;

let created = null;
const streamMode = ["values", "updates", "messages-tuple"];
const streamed = await parts(
  client.runs.stream(thread, "clerk", {
    input: say("hello"),
    streamMode,
    streamResumable: true,
    onRunCreated: (made) => (created = made),
  }),
);
tell("events", [...new Set(streamed.map((one) => one.event))]);
tell("created", created.run_id === streamed[0].data.run_id && created.thread_id === thread);
const pieces = streamed.filter((one) => one.event === "messages").map((one) => one.data[0].content);
tell("tokens", { count: pieces.length, text: pieces.join("") });

const last = streamed.filter((one) => one.event === "messages" && one.id)[2].id;
const rest = await parts(client.runs.joinStream(thread, created.run_id, { lastEventId: last, streamMode }));
const more = rest.filter((one) => one.event === "messages").map((one) => one.data[0].content);
tell("resumed", pieces.slice(0, 3).join("") + more.join(""));

tell("waited", texts(await client.runs.wait(thread, "clerk", { input: say("and now?") })));
tell("history", (await client.threads.getHistory(thread)).map((one) => one.values.messages.length));

await client.runs.wait(thread, "clerk", { input: say("pay") });
const [waiting] = await client.threads.search({ status: "interrupted", limit: 10, offset: 0 });
const state = await client.threads.getState(thread);
const asked = state.tasks[0].interrupts[0];
tell("asked", { thread: waiting.thread_id === thread, name: asked.value.name, next: state.next });

const agent = new Client({ apiUrl, apiKey: agentKey, callerOptions: { maxRetries: 0 } });
const approve = { resume: { [asked.id]: { type: "approve" } } };
for (const [who, by] of [["agent", agent], ["person", client]]) {
  try {
    const run = await by.runs.create(thread, "clerk", { command: approve });
    tell(who, (await client.runs.join(thread, run.run_id)).messages.some((one) => String(one.content).includes("paid")));
  } catch (error) {
    tell(who, error.status ?? error.response?.status ?? String(error));
  }
}

// As Agent Inbox does: another question is left unanswered, and the thread ended.
const other = (await client.threads.create()).thread_id;
await client.runs.wait(other, "clerk", { input: say("pay") });
await client.threads.updateState(other, { values: null, asNode: "__end__" });
for (let tries = 0; tries < 100 && (await client.threads.get(other)).status !== "idle"; tries++)
  await new Promise((resolve) => setTimeout(resolve, 50));
tell("ignored", (await client.threads.get(other)).status);

// As useStream does: messages with ids of the client's own, and the state that it goes on from.
const mine = { type: "human", content: "third", id: crypto.randomUUID() };
const head = (await client.threads.getHistory(thread))[0].checkpoint;
const { thread_id: _, ...checkpoint } = head;
const values = (
  await parts(client.runs.stream(thread, "clerk", { input: { messages: [mine] }, checkpoint, streamMode: ["values"] }))
).findLast((one) => one.event === "values").data;
tell("own", values.messages.some((one) => one.id === mine.id));

try {
  await client.runs.create(thread, "clerk", { input: say("x"), interruptBefore: ["think"] });
} catch (error) {
  tell("refused", error.status ?? String(error));
}
