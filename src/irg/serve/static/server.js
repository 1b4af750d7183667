// Talks to the server: requests with a token, and answers that come as events.

const TOKEN = "irg.token";

export const token = {
  get: () => localStorage.getItem(TOKEN) || "",
  set: (text) => (text ? localStorage.setItem(TOKEN, text) : localStorage.removeItem(TOKEN)),
};

// What the server refused, in its own words.
export class Refusal extends Error {
  constructor(status, error) {
    super(error?.message || `the server answers with status ${status}`);
    this.status = status;
  }
}

// The answer to a request. Raises Refusal, and TypeError where there is no server.
export async function request(path, body, signal) {
  const headers = { "Content-Type": "application/json" };
  if (token.get()) headers.Authorization = `Bearer ${token.get()}`;
  const method = body ? "POST" : "GET";
  const answer = await fetch(path, { method, headers, signal, body: body && JSON.stringify(body) });
  if (answer.ok) return answer;
  const content = await answer.json().catch(() => ({}));
  throw new Refusal(answer.status, content.error);
}

// The events of an answer, as they come.
export async function* events(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let pending = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const from = Math.max(0, pending.length - 1); // an end may come in two halves
    pending += value;
    for (let end = pending.indexOf("\n\n", from); end >= 0; end = pending.indexOf("\n\n")) {
      const lines = pending.slice(0, end).split("\n");
      pending = pending.slice(end + 2);
      const data = lines.filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trimStart());
      if (data.length && data[0] !== "[DONE]") yield JSON.parse(data.join("\n"));
    }
  }
}
