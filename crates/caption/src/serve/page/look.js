// Shows where the model looked as it said a word: over the picture, and in words below it. `script.js` has the rest of the page.
"use strict";

/** The place of the word whose look stays in sight, and what goes through the words by itself. */
let kept = null;
let playing = null;

/** A word as what shows where the model looked, by mouse, touch or keyboard. Of all words one is a stop of the keyboard. */
function button(item) {
  const made = element("button", "", "");
  made.type = "button";
  made.setAttribute("aria-pressed", "false");
  made.tabIndex = -1;
  const own = () => [...part("words").children].indexOf(item);
  for (const kind of ["pointerenter", "focus"]) made.addEventListener(kind, () => (stopPlaying(), showLook(own())));
  for (const kind of ["pointerleave", "blur"]) made.addEventListener(kind, () => (stopPlaying(), showLook(kept)));
  made.addEventListener("click", () => choose(kept === own() ? null : own()));
  item.append(made);
  return made;
}

/** Keeps a word's look in sight, or none. */
function choose(place) {
  stopPlaying();
  kept = place;
  buttons().forEach((each, at) => each.setAttribute("aria-pressed", String(at === place)));
  showLook(place);
}

const buttons = () => [...part("words").querySelectorAll("button")];

/** Where the model looked for a word, in words. */
function inWords(place) {
  const { rows, columns, weights } = shown.attention;
  const most = Math.max(...weights[place]);
  const at = weights[place].indexOf(most);
  const share = percent(most).replaceAll(" ", "\u00a0");
  const [row, column] = [Math.floor(at / columns) + 1, (at % columns) + 1];
  return `Looked most at row ${row} and column ${column} of ${rows} by ${columns}, with ${share} of all.`;
}

/** The part of a picture that the network sees, or its encoder: of the largest in its middle with the proportions of what that takes, a share. */
function seenPart({ naturalWidth: wide, naturalHeight: high }) {
  const { pixels } = card.input;
  const seen = pixels ? { size: [pixels.height, pixels.width], fit: { crop: 1 } } : card.origin?.card;
  const share = seen?.fit.crop;
  // What is stretched is seen whole, and so, as far as is known, is what nobody wrote anything of.
  if (!share || !seen.size) return { x: 0, y: 0, w: wide, h: high };
  const [height, width] = seen.size;
  const of = side => Math.max(1, Math.round(share * side));
  const w = of(Math.min(wide, Math.max(1, Math.floor((high * width) / height))));
  const h = of(Math.min(high, Math.max(1, Math.floor((wide * height) / width))));
  return { x: Math.floor((wide - w) / 2), y: Math.floor((high - h) / 2), w, h };
}

/** Covers what a word did not look at; without a place nothing. */
function showLook(place) {
  const [map, picture] = [part("map"), part("picture")];
  const weights = place === null ? null : shown?.attention?.weights[place];
  const drawn = Boolean(weights && card && picture.naturalWidth);
  map.toggleAttribute("hidden", !drawn);
  part("looked").hidden = !shown?.attention;
  part("looked").textContent = drawn ? `“${part("words").children[place].dataset.text}”: ${inWords(place)}` : "";
  buttons().forEach((each, at) => each.classList.toggle("shown", drawn && at === place));
  map.dataset.place = drawn ? place : "";
  if (!drawn) return;
  const { rows, columns } = shown.attention;
  const { x, y, w, h } = seenPart(picture);
  const [wide, high] = [picture.naturalWidth, picture.naturalHeight];
  const most = Math.max(...weights);
  const made = (name, attributes) => {
    const shape = document.createElementNS(map.namespaceURI, name);
    Object.entries(attributes).forEach(([key, value]) => shape.setAttribute(key, value));
    return shape;
  };
  const cell = (weight, at) => made("rect", {
    class: "cell", x: x + ((at % columns) * w) / columns, y: y + (Math.floor(at / columns) * h) / rows, width: w / columns, height: h / rows,
    "fill-opacity": (0.78 * (1 - weight / most)).toFixed(3),
  });
  // As `object-fit: contain` places the picture, so that both lie on one another however large they are.
  map.setAttribute("viewBox", `0 0 ${wide} ${high}`);
  const beyond = made("path", { class: "beyond", "fill-rule": "evenodd", d: `M0 0H${wide}V${high}H0Z M${x} ${y}v${h}h${w}v${-h}Z` });
  map.replaceChildren(beyond, ...weights.map(cell), made("rect", { class: "seen", x, y, width: w, height: h }));
}

/** Goes through the words once, slowly enough to follow; who has asked for little motion chooses words instead. */
function play() {
  stopPlaying();
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return showLook(kept);
  let place = 0;
  const next = () => {
    if (place === shown.attention.weights.length) return stopPlaying(), showLook(kept);
    showLook(place++);
    playing = setTimeout(next, 700);
  };
  next();
}

function stopPlaying() {
  clearTimeout(playing);
  playing = null;
}

part("words").addEventListener("keydown", event => {
  const all = buttons();
  const at = all.indexOf(event.target);
  const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: all.length - 1 }[event.key];
  if (event.key === "Escape") choose(null);
  if (to === undefined || !all[to]) return;
  event.preventDefault();
  all.forEach((each, place) => (each.tabIndex = place === to ? 0 : -1));
  all[to].focus();
});
