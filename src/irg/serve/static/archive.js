// What is kept of episodes: the last ones in this browser, and any as a zip that `irg` reads as a trace.

const STORE = "episodes";
const MOST = 30;

function database() {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open("irg", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE, { keyPath: "id" });
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error);
  });
}

async function within(mode, work) {
  const opened = await database();
  try {
    const transaction = opened.transaction(STORE, mode);
    const found = work(transaction.objectStore(STORE));
    await new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      transaction.onerror = transaction.onabort = () => reject(transaction.error);
    });
    return found?.result;
  } finally {
    opened.close();
  }
}

export const past = {
  // The newest first.
  async all() {
    const found = await within("readonly", (store) => store.getAll());
    return found.sort((one, other) => other.began - one.began);
  },
  async keep(episode) {
    await within("readwrite", (store) => store.put(episode));
    const old = (await past.all()).slice(MOST);
    await within("readwrite", (store) => old.forEach((one) => store.delete(one.id)));
  },
  forget: () => within("readwrite", (store) => store.clear()),
};

// The episode as the folder that `irg generate` writes, zipped.
export function traceZip(episode) {
  const drawn = episode.turns.filter((turn) => turn.picture && !turn.isForming);
  const files = drawn.map((turn, place) => [`turn${place + 1}.png`, bytesOf(turn.picture)]);
  const source = episode.source && `source.${episode.source.slice(11, episode.source.indexOf(";"))}`;
  if (source) files.unshift([source, bytesOf(episode.source)]);
  const trace = {
    version: 1,
    prompt: episode.prompt,
    seed: episode.seed,
    model: { name: episode.model },
    settings: episode.settings,
    source: source || null,
    turns: drawn.map((turn, place) => ({
      thought: turn.thought || null,
      image: `turn${place + 1}.png`,
      verdict: null,
    })),
    questions: episode.answer ? [[episode.prompt, episode.answer]] : [],
    provenance: { own_words: drawn.flatMap((turn, place) => (turn.own ? [place + 1] : [])) },
  };
  files.push(["trace.json", new TextEncoder().encode(JSON.stringify(trace, null, 1) + "\n")]);
  return zip(files);
}

function bytesOf(address) {
  return Uint8Array.from(atob(address.slice(address.indexOf(",") + 1)), (sign) => sign.charCodeAt(0));
}

// Files as they are, one after the other, and the list of them: pictures are compressed already.
function zip(files) {
  const parts = [], list = [];
  let place = 0;
  for (const [name, data] of files) {
    const path = new TextEncoder().encode(name);
    const facts = [20, 0x0800, 0, 0, 0x21, checksum(data), data.length, data.length, path.length, 0];
    const fields = facts.map((value, index) => [index < 5 || index > 7 ? 2 : 4, value]);
    const head = packed([[4, 0x04034b50], ...fields]);
    const entry = packed([[4, 0x02014b50], [2, 20], ...fields, [2, 0], [2, 0], [2, 0], [4, 0], [4, place]]);
    parts.push(head, path, data);
    list.push(entry, path);
    place += head.length + path.length + data.length;
  }
  const length = list.reduce((sum, part) => sum + part.length, 0);
  const count = files.length;
  const end = packed([[4, 0x06054b50], [2, 0], [2, 0], [2, count], [2, count], [4, length], [4, place], [2, 0]]);
  return new Blob([...parts, ...list, end], { type: "application/zip" });
}

// Little-endian numbers of so many bytes each.
function packed(fields) {
  return Uint8Array.from(fields.flatMap(([width, value]) => Array.from({ length: width }, (_, byte) => (value >>> (8 * byte)) & 255)));
}

const TABLE = Uint32Array.from({ length: 256 }, (_, value) => {
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

function checksum(data) {
  let sum = 0xffffffff;
  for (const byte of data) sum = TABLE[(sum ^ byte) & 255] ^ (sum >>> 8);
  return (sum ^ 0xffffffff) >>> 0;
}
