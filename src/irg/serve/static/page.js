// The page: what a person asks, and what comes of it.
//
// Every turn is a request of its own that goes on from the one before, so that a person can step in wherever
// an episode stands: while a reflection is written, before it is drawn by, or after.

import { past, traceZip } from "./archive.js";
import { Refusal, events, request, token } from "./server.js";
import { View, plain } from "./view.js";

const $ = (name) => document.getElementById(name);
const WORDS = {
  draw: ["What shall be drawn?", "Draw"],
  edit: ["What shall be changed?", "Edit"],
  ask: ["What do you want to know?", "Ask"],
};
const MOST_BYTES = 20 * 1024 * 1024;
const PREVIEWS = 3;

let facts = { model: "" };
let episode = null, view = null, running = null, picture = null;

const mode = () => document.querySelector("input[name=mode]:checked").value;

// What is asked for; null where it is not complete, which is told.
function asked() {
  const prompt = $("prompt").value.trim(), kind = mode();
  if (kind !== "draw" && !picture) return complain("Choose a picture first.", $("file"));
  if (!prompt) return complain("Write down first what you want.", $("prompt"));
  for (const name of ["turns", "guidance", "seed"]) {
    if ($(name).checkValidity()) continue;
    $("settings").open = true;
    return complain(`${name}: ${$(name).validationMessage}`, $(name));
  }
  const given = $("seed").value, guidance = Number($("guidance").value) || null;
  const turns = kind === "ask" ? 0 : Number($("turns").value) || facts.turns;
  return {
    id: `${Date.now()}-${Math.random()}`,
    began: Date.now(),
    mode: kind,
    model: facts.model,
    prompt,
    source: kind === "draw" ? null : picture,
    seed: given ? Number(given) : crypto.getRandomValues(new Uint32Array(1))[0],
    settings: { size: kind === "draw" ? $("size").value : "auto", turns, guidance },
    pauses: $("pause").checked,
    turns: [],
    answer: "",
    notes: [],
    response: null,
  };
}

function begin() {
  const wanted = asked();
  if (!wanted) return;
  stop();
  show(wanted);
  const content = [{ type: "input_text", text: wanted.prompt }];
  if (wanted.source) content.unshift({ type: "input_image", image_url: wanted.source });
  const { size, turns } = wanted.settings, input = [{ role: "user", content }];
  if (wanted.mode === "ask") return run({ input, seed: wanted.seed, tool_choice: "none" });
  return run({ ...drawing(size), input, seed: wanted.seed, thinking: turns > 1 || undefined });
}

// The turn at this place, instead of the one that stands there, by a person's own words.
function redraw(place, words) {
  stop();
  const turn = episode.turns[place], before = episode.turns[place - 1];
  const text = turn.thought.includes("<think>") ? `<think>${words}</think>` : words;
  const own = turn.own || words !== plain(turn.thought);
  episode.turns.splice(place, Infinity, { thought: text, own, isGiven: true });
  const input = [{ role: "user", content: text }];
  if (turn.isWaiting) return run({ ...drawing(), input, previous_response_id: episode.response });
  return run({ ...drawing(), input: [{ type: "item_reference", id: before.item }, ...input] });
}

function drawing(size = "auto") {
  const { guidance } = episode.settings;
  const tools = [{ type: "image_generation", partial_images: PREVIEWS, size }];
  return { store: true, turns: 1, tools, guidance: guidance ? { text_scale: guidance } : undefined };
}

// Send a request and those that follow it, up to the last turn or to where a person is waited for.
async function run(first) {
  const control = new AbortController(), one = episode;
  running = control;
  complain();
  busy(true);
  tell("Waiting ...");
  let trouble = null;
  try {
    for (let body = first; body; body = next(one)) {
      const answer = await request("v1/responses", { ...body, stream: true }, control.signal);
      for await (const event of events(answer)) {
        if (running !== control) return;
        take(one, event, body);
        view.update();
      }
    }
  } catch (error) {
    trouble = error;
  }
  if (running !== control) return; // another has taken its place, or it was stopped
  running = null;
  end(one);
  if (trouble) failed(trouble);
}

// The request for the next turn; null where there is none, or none yet.
function next(one) {
  if (one.turns.length >= one.settings.turns || one.turns.at(-1)?.isWaiting) return null;
  const stop_at = one.pauses ? "thought" : "picture";
  return { ...drawing(), previous_response_id: one.response, stop_at };
}

// What an event makes of an episode.
function take(one, event, body) {
  const last = one.turns.at(-1);
  const turn = () => (last && !last.item ? last : one.turns[one.turns.push({ thought: "" }) - 1]);
  switch (event.type) {
    case "response.created":
      one.notes = event.response.warnings ?? [];
      tell(one.mode === "ask" ? "Looking ..." : "Thinking ...");
      break;
    case "response.reasoning_text.delta":
      if (last?.isGiven && !last.item) break; // its own words come back
      turn().thought += event.delta;
      tell(one.turns.length > 1 ? "Reflecting ..." : "Thinking ...");
      break;
    case "response.reasoning_text.done":
      turn().thought = event.text;
      break;
    case "response.image_generation_call.in_progress":
      turn().isForming = true;
      tell(`Drawing picture ${one.turns.length} ...`);
      break;
    case "response.image_generation_call.partial_image":
      turn().picture = `data:image/png;base64,${event.partial_image_b64}`;
      break;
    case "response.output_item.done":
      if (event.item.type !== "image_generation_call") break;
      Object.assign(turn(), { picture: `data:image/png;base64,${event.item.result}`, item: event.item.id, isForming: false });
      break;
    case "response.output_text.delta":
      one.answer += event.delta;
      break;
    case "response.output_text.done":
      one.answer = event.text;
      break;
    case "response.completed":
      one.response = event.response.id;
      if (body.stop_at === "thought" && last && !last.item) last.isWaiting = true;
      break;
    case "error":
      throw new Refusal(0, event);
  }
}

// Leave an episode as far as it has come.
function end(one) {
  busy(false);
  for (const turn of one.turns) if (turn.isForming) Object.assign(turn, { isForming: false, picture: null });
  view.update();
  const waiting = one.turns.at(-1)?.isWaiting;
  tell(waiting ? "Your turn: change the reflection as you like, then draw." : "Done.");
  if (waiting) view.focus(one.turns.length - 1);
  if (one.answer || one.turns.some((turn) => turn.item)) past.keep(structuredClone(one)).then(list, noHistory);
}

// Stop what is under way, if anything is.
function stop() {
  if (!running) return;
  running.abort();
  running = null;
  end(episode);
  tell("Stopped.");
}

function failed(error) {
  if (error.status === 401) return askToken(Boolean(token.get()));
  complain(error instanceof TypeError ? "The server does not answer." : error.message);
  tell("");
}

// ---- What a person sees beside the episode

function show(one) {
  episode = one;
  view = new View($("episode"), one, { redraw, stop, isRunning: () => running !== null, download });
}

function tell(words) {
  if ($("status").textContent !== words) $("status").textContent = words;
}

function complain(words = "", where = null) {
  $("problem").hidden = !words;
  $("problem").textContent = words;
  where?.focus();
  return null;
}

function busy(is) {
  $("send").hidden = is;
  $("stop").hidden = !is;
  $("episode").setAttribute("aria-busy", String(is));
}

function suit() {
  const [question, verb] = WORDS[mode()];
  $("prompt-label").textContent = question;
  $("send").textContent = verb;
  $("upload").hidden = mode() === "draw";
  $("pausing").hidden = $("settings").hidden = mode() === "ask";
  $("size").closest("label").hidden = mode() !== "draw";
  $("examples").replaceChildren(
    ...(facts.examples?.[mode()] ?? []).map((text) => {
      const item = document.createElement("li"), button = document.createElement("button");
      button.type = "button";
      button.className = "quiet";
      button.textContent = text;
      button.addEventListener("click", () => {
        $("prompt").value = text;
        $("prompt").focus();
      });
      item.append(button);
      return item;
    }),
  );
}

function choose() {
  const file = $("file").files[0];
  if (!file) return;
  if (file.size > MOST_BYTES) return complain("The picture is larger than 20 MB: choose a smaller one.", $("file"));
  const reader = new FileReader();
  reader.onload = () => {
    picture = reader.result;
    $("chosen").src = picture;
    $("chosen").hidden = false;
    complain();
  };
  reader.onerror = () => complain("The picture cannot be read.", $("file"));
  reader.readAsDataURL(file);
}

function download() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(traceZip(episode));
  link.download = `irg-${episode.seed}.zip`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

async function list() {
  const all = await past.all();
  $("past").hidden = !all.length;
  $("history").replaceChildren(
    ...all.map((one) => {
      const item = document.createElement("li"), button = document.createElement("button");
      const text = document.createElement("span"), image = document.createElement("img");
      text.textContent = one.prompt;
      image.alt = "";
      image.src = one.turns.findLast((turn) => turn.item)?.picture ?? one.source;
      button.type = "button";
      button.append(image, text);
      button.addEventListener("click", () => {
        stop();
        show(one);
        tell("");
        complain();
        $("episode").scrollIntoView();
      });
      item.append(button);
      return item;
    }),
  );
}

const noHistory = () => tell("Done. This browser keeps no history.");

function askToken(isWrong) {
  $("token").hidden = false;
  $("token-title").textContent = isWrong ? "The server does not know this token" : "This server asks for a token";
  $("token-text").value = "";
  if (!$("asking-token").open) $("asking-token").showModal();
}

async function learn() {
  try {
    facts = await (await request("page.json")).json();
  } catch (error) {
    return failed(error);
  }
  $("model").textContent = facts.model;
  $("turns").max = facts.most_turns;
  $("turns").value = facts.turns;
  $("size").replaceChildren(...facts.sizes.map((size) => new Option(size.replace("x", " \u00d7 "), size)));
  $("token").hidden = !token.get();
  suit();
}

// ---- What a person does

$("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  begin();
});
$("prompt").addEventListener("keydown", (key) => {
  if (key.key !== "Enter" || key.shiftKey || key.isComposing) return;
  key.preventDefault();
  begin();
});
$("stop").addEventListener("click", stop);
$("file").addEventListener("change", choose);
document.querySelectorAll("input[name=mode]").forEach((one) => one.addEventListener("change", suit));
$("forget").addEventListener("click", () => past.forget().then(list, noHistory));
$("token").addEventListener("click", () => askToken(false));
$("token-cancel").addEventListener("click", () => $("asking-token").close());
$("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  token.set($("token-text").value.trim());
  $("asking-token").close();
  learn();
});

suit();
learn();
list().catch(noHistory);
