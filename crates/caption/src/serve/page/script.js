// Sends a picture to this server and shows the words of its caption as they come.
"use strict";

const part = id => document.getElementById(id);
const settings = part("settings");
const method = () => settings.elements.method.value;
let picture = null;
let card = null;
let running = null;
/** The caption that is shown. */
let shown = null;

/** The settings as the query of a request; what is empty stays as the server has it. */
function query() {
  const chosen = new URLSearchParams();
  for (const field of settings.elements) {
    const of = field.closest("[data-method]")?.dataset.method;
    if (!field.name || field.name === "method" || (of && of !== method())) continue;
    if (field.type === "checkbox") {
      if (field.checked) chosen.set(field.name, "true");
    } else if (field.value !== "" || field.validity.badInput) {
      chosen.set(field.name, field.value);
    }
  }
  return chosen;
}

function element(name, kind, text) {
  const made = document.createElement(name);
  if (kind) made.className = kind;
  made.textContent = text;
  return made;
}

const percent = share => (share < 0.001 ? "< 0.1 %" : `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`);

/** A word with its probability, as a bar and as a number; a button where it is known where the model looked. */
function word(text, kind, probability, place, looked) {
  const item = document.createElement("li");
  const holder = looked ? button(item) : item;
  const track = element("span", "track", "");
  const bar = element("span", "bar", "");
  bar.style.setProperty("--share", probability);
  item.style.setProperty("--place", place);
  track.setAttribute("aria-hidden", "true");
  track.append(bar);
  holder.append(element("span", kind, text), track, element("span", "number", percent(probability)));
  if (looked) holder.setAttribute("aria-label", `${text}, ${percent(probability)}. ${looked}`);
  item.dataset.says = `${text} ${probability}`;
  item.dataset.text = text;
  return item;
}

/** Shows a caption; words that stand there already stay, so that only what is new moves. */
function showCaption(caption) {
  const list = part("words");
  const items = caption.words.map((text, place) => [text, "word", caption.probabilities[place]]);
  if (caption.end_probability !== null) items.push(["end", "end", caption.end_probability]);
  let same = 0;
  while (same < items.length && list.children[same]?.dataset.says === `${items[same][0]} ${items[same][2]}`) same++;
  while (list.children.length > same) list.lastChild.remove();
  shown = caption;
  items.slice(same).forEach(([text, kind, probability], place) =>
    list.append(word(text, kind, probability, place, caption.attention && inWords(same + place))));
  part("empty").hidden = true;
  part("choose").hidden = !caption.attention;
  if (!caption.attention) return;
  if (!buttons().some(each => each.tabIndex === 0)) buttons()[0].tabIndex = 0;
  showLook(items.length - 1);
}

function showOthers(captions) {
  const others = captions.slice(1).map(caption => {
    const item = element("li", "", caption.text || "(no word)");
    item.append(" ", element("small", "", `log p ${caption.log_probability?.toFixed(2)}`));
    return item;
  });
  part("found").replaceChildren(...others);
  part("others").hidden = others.length === 0;
}

function showTrouble(words) {
  part("trouble").textContent = words;
  part("trouble").hidden = !words;
  if (words) part("status").textContent = "";
}

/** Calls `tell` with each line of JSON of an answer, as it comes. */
async function readLines(answer, tell) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
    const lines = (rest + chunk.value).split("\n");
    rest = lines.pop();
    lines.forEach(line => tell(JSON.parse(line)));
  }
}

async function describe() {
  running?.abort();
  choose(null);
  if (!picture) return;
  const mine = (running = new AbortController());
  const chosen = query();
  chosen.set("stream", "true");
  showTrouble("");
  part("status").textContent = "Describing …";
  let done = false;
  try {
    const answer = await fetch(`/api/describe?${chosen}`, { method: "POST", body: picture, signal: mine.signal });
    if (!answer.ok) throw new Error((await answer.json()).error);
    await readLines(answer, told => {
      if (mine.signal.aborted) return;
      if (told.event === "error") throw new Error(told.error);
      if (told.event === "step") showCaption(told.captions[0]);
      if (told.event !== "done") return;
      done = true;
      const best = told.captions[0];
      showCaption(best);
      showOthers(told.captions);
      if (best.attention) play();
      part("picture").alt = best.text;
      const count = best.words.length;
      const cut = best.ended ? "" : " It was cut off before it ended.";
      part("status").textContent =
        `“${best.text}”: ${count} ${count === 1 ? "word" : "words"}, ${told.decoding}, ${told.milliseconds.toFixed(1)} ms.${cut}`;
    });
    if (!done && !mine.signal.aborted) throw new Error("the answer broke off; try again");
  } catch (problem) {
    if (mine.signal.aborted) return;
    const unreachable = problem instanceof TypeError;
    clearCaption();
    showTrouble(unreachable ? "The server does not answer; see whether it still runs." : `It did not work: ${problem.message}.`);
  }
}

function clearCaption() {
  choose(null);
  shown = null;
  part("words").replaceChildren();
  part("choose").hidden = true;
  showOthers([]);
  part("empty").hidden = false;
}

/** Takes a file that was chosen, dropped or pasted. */
function take(file) {
  if (!file) return;
  clearCaption();
  const image = part("picture");
  URL.revokeObjectURL(image.src);
  if (card && file.size > card.most_bytes) {
    picture = null;
    image.hidden = true;
    part("invitation").hidden = false;
    showTrouble(`It did not work: the picture has ${file.size} bytes, and this server takes ${card.most_bytes}; make it smaller.`);
    return;
  }
  picture = file;
  image.alt = "The picture that was chosen";
  image.src = URL.createObjectURL(file);
  image.hidden = false;
  part("invitation").hidden = true;
  describe();
}

function showSettings() {
  for (const fields of settings.querySelectorAll("[data-method]")) fields.hidden = fields.dataset.method !== method();
  const chosen = query();
  part("shell").textContent = `curl --data-binary @picture.png '${location.origin}/api/describe?${chosen}'`;
}

part("picture").addEventListener("load", event => {
  event.target.classList.toggle("tiny", event.target.naturalWidth < 160);
  // The words may have been faster.
  if (part("map").dataset.place === "" && playing === null) showLook(kept);
  part("hint").textContent = "Drop, paste or choose another at any time.";
});
part("picture").addEventListener("error", event => {
  event.target.hidden = true;
  part("invitation").hidden = false;
});
part("file").addEventListener("change", event => {
  take(event.target.files[0]);
  // So that the same file can be chosen again.
  event.target.value = "";
});
const drop = part("drop");
for (const kind of ["dragenter", "dragover"]) {
  document.addEventListener(kind, event => {
    event.preventDefault();
    drop.classList.add("over");
  });
}
for (const kind of ["dragleave", "drop"]) document.addEventListener(kind, () => drop.classList.remove("over"));
document.addEventListener("drop", event => {
  event.preventDefault();
  take(event.dataTransfer.files[0]);
});
document.addEventListener("paste", event => take(event.clipboardData.files[0]));
settings.addEventListener("submit", event => event.preventDefault());
settings.addEventListener("change", () => {
  showSettings();
  describe();
});

showSettings();
fetch("/api/model")
  .then(answer => answer.json())
  .then(model => {
    card = model;
    part("about").textContent = model.about;
    const longest = settings.elements.longest;
    longest.max = model.longest;
    longest.value = Math.min(longest.value, model.longest);
    settings.elements.beam.max = model.widest_beam;
  })
  .catch(() => showTrouble("The server does not answer; see whether it still runs."));
