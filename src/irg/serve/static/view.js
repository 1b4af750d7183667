// An episode on the page. All that a model wrote is set as text, never as HTML.

const clone = (name) => document.getElementById(name).content.cloneNode(true);
const KINDS = { draw: "prompt", edit: "instruction", ask: "question" };

// A thought without the marks that models put around it.
export const plain = (thought) => thought.replace(/<\/?think>/g, "").trim();

export class View {
  // `hands` is what a person can do here: redraw(place, words), stop(), isRunning(), download().
  constructor(place, episode, hands) {
    this.episode = episode;
    this.hands = hands;
    this.cards = [];
    this.editing = null;
    place.replaceChildren(clone("an-episode"));
    this.find = (selector) => place.querySelector(selector);
    this.find("[data-kind]").textContent = KINDS[episode.mode];
    this.find("[data-prompt]").textContent = episode.prompt;
    this.find("[data-download]").addEventListener("click", hands.download);
    const slider = this.find(".compare input");
    slider.addEventListener("input", () => this.find(".stack").style.setProperty("--cut", `${slider.value}%`));
    if (episode.source) {
      this.find(".source").hidden = false;
      this.find(".source img").src = episode.source;
    }
    this.update();
  }

  // Show what the episode has come to.
  update() {
    const { answer, mode, notes, seed, settings, turns } = this.episode;
    const size = settings.size !== "auto" ? [settings.size.replace("x", " \u00d7 ")] : [];
    this.find("[data-facts]").textContent = [`seed ${seed}`, ...size, ...notes].join(" \u00b7 ");
    this.find(".answer").hidden = mode !== "ask";
    this.find(".answer").textContent = answer;
    while (this.cards.length > turns.length) this.cards.pop().remove();
    turns.forEach((turn, place) => this.#show(turn, place));
    const drawn = turns.filter((turn) => turn.item);
    this.find("[data-download]").hidden = this.hands.isRunning() || (!drawn.length && !answer);
    this.find(".compare").hidden = drawn.length < 2;
    if (drawn.length > 1) {
      set(this.find("[data-before]"), drawn[0].picture);
      set(this.find("[data-after]"), drawn.at(-1).picture);
    }
  }

  // Put the cursor where a person is waited for.
  focus(place) {
    this.cards[place].querySelector("textarea").focus();
  }

  #show(turn, place) {
    const card = (this.cards[place] ??= this.#card(place));
    const find = (selector) => card.querySelector(selector);
    const name = place ? "reflection" : "thought", text = plain(turn.thought);
    find("[data-thinking]").hidden = !turn.thought;
    card.setAttribute("aria-label", `turn ${place + 1}`);
    find("[data-label]").className = `label ${name}`;
    find("[data-label]").textContent = turn.own ? `${name}, in your own words` : name;
    if (find("[data-thought]").textContent !== text) find("[data-thought]").textContent = text;
    const isEdited = Boolean(turn.isWaiting) || this.editing === place;
    if (isEdited && find("[data-editor]").hidden) find("textarea").value = text;
    find("[data-editor]").hidden = !isEdited;
    find("[data-thought]").hidden = isEdited;
    find("[data-edit]").hidden = isEdited || !place || !this.episode.turns[place - 1].item;
    const isShown = Boolean(turn.picture), picture = find(".frame img");
    find("figure").hidden = !isShown && !turn.isForming;
    find("[data-caption]").textContent = `picture ${place + 1}${turn.isForming ? ", forming" : ""}`;
    find(".frame").classList.toggle("forming", Boolean(turn.isForming));
    picture.hidden = !isShown;
    picture.alt = turn.isForming ? "" : `Picture ${place + 1} for: ${this.episode.prompt}`;
    if (isShown) set(picture, turn.picture);
  }

  #card(place) {
    const card = clone("a-turn").querySelector(".turn");
    const text = card.querySelector("textarea"), picture = card.querySelector(".frame img");
    const redraw = () => {
      if (!text.value.trim()) return;
      this.editing = null;
      this.hands.redraw(place, text.value.trim());
    };
    card.querySelector("[data-redraw]").addEventListener("click", redraw);
    text.addEventListener("keydown", (key) => {
      if (key.key !== "Enter" || key.shiftKey || key.isComposing) return;
      key.preventDefault();
      redraw();
    });
    card.querySelector("[data-edit]").addEventListener("click", () => {
      this.editing = place;
      this.hands.stop();
      this.update();
      text.focus();
    });
    picture.addEventListener("load", () => {
      picture.parentElement.style.setProperty("--shape", `${picture.naturalWidth} / ${picture.naturalHeight}`);
    });
    this.find(".compare").before(card);
    return card;
  }
}

// Setting a picture that is there already would have it decoded again.
function set(image, address) {
  if (image.src !== address) image.src = address;
}
