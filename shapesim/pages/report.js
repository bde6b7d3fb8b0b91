"use strict";
// A list of queries with their matches, and beside it the chosen match turning in the query's place.

const report = content();
const MINE = 0x3b7ddd;
const THEIRS = 0xe07b1a;

function picture(item) {
  if (item.picture === null) return element("div", { className: "missing" }, "no picture");
  const url = `data:image/webp;base64,${base64(item.picture)}`;
  return element("img", { src: url, alt: "", loading: "lazy", width: 176, height: 176 });
}

// The viewer: three views of one canvas, turned together.

class Viewer {
  constructor(holder) {
    this.holder = holder;
    this.renderer = new THREE.WebGLRenderer({ antialias: true, alpha: true });
    holder.append(this.renderer.domElement);
    this.camera = new THREE.PerspectiveCamera(35, 1, 0.01, 100);
    this.camera.position.set(-1.15, 0.75, 1.6);
    this.controls = new THREE.OrbitControls(this.camera, this.renderer.domElement);
    this.controls.enableDamping = true;
    this.controls.autoRotate = !matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.controls.autoRotateSpeed = 1.6;
    this.controls.addEventListener("start", () => { this.controls.autoRotate = false; });
    // Drawn only when something has changed, so that a page that is left open costs nothing.
    this.stale = true;
    this.controls.addEventListener("change", () => { this.stale = true; });
    this.renderer.domElement.addEventListener("webglcontextrestored", () => { this.stale = true; });
    this.scenes = [0, 1, 2].map(() => {
      const scene = new THREE.Scene();
      const sun = new THREE.DirectionalLight(0xffffff, 2);
      sun.position.set(-0.6, 1, 0.8);
      const content = new THREE.Group();
      scene.add(new THREE.HemisphereLight(0xffffff, 0x8a8076, 1.8), sun, content);
      return { scene, content };
    });
    this.labels = ["mine", "theirs", "overlaid"].map((name, row) => {
      const label = element("p", { className: name });
      label.style.top = `calc(${(row * 100) / 3}% + 8px)`;
      holder.append(label);
      return label;
    });
    this.loader = new THREE.GLTFLoader();
    this.models = new Map();
    this.asked = 0;
    this.renderer.setAnimationLoop(() => this.draw());
  }

  model(number) {
    // The last few only: a page may hold hundreds.
    if (!this.models.has(number)) {
      if (this.models.size > 24) this.models.delete(this.models.keys().next().value);
      this.models.set(number, this.loader.parseAsync(bytes(number), ""));
    }
    return this.models.get(number);
  }

  async show(section, match) {
    this.asked += 1;
    const asked = this.asked;
    const missing = [section, match].filter((item) => item.model === null).map((item) => item.name);
    const loaded = await Promise.all([section, match].map((item) => (item.model === null ? null : this.model(item.model))));
    if (asked !== this.asked) return; // another was chosen meanwhile
    const [mine, theirs] = loaded.map((gltf) => gltf && gltf.scene.clone(true));
    if (theirs && match.transform) {
      theirs.matrixAutoUpdate = false;
      theirs.matrix.fromArray(match.transform).transpose();
    }
    const place = new THREE.Box3();
    for (const item of [mine, theirs]) {
      if (!item) continue;
      item.updateMatrixWorld(true);
      place.union(new THREE.Box3().setFromObject(item));
    }
    const centre = place.getCenter(new THREE.Vector3());
    const scale = 1 / (place.getSize(new THREE.Vector3()).length() || 1);
    for (const [row, parts] of [[mine], [theirs], [tinted(theirs, THEIRS, 1), tinted(mine, MINE, 0.4)]].entries()) {
      const { content } = this.scenes[row];
      content.clear();
      for (const part of parts) if (part) content.add(part);
      content.scale.setScalar(scale);
      content.position.copy(centre).multiplyScalar(-scale);
    }
    this.stale = true;
    const shared = match.covers ? "of yours is covered" : "of the space is shared";
    const fit = match.fit === null ? "" : `: ${percent(match.fit)} ${shared}`;
    const lines = [["yours ", section.name], ["match ", match.name], ["overlaid", fit]];
    lines.forEach(([head, text], row) => this.labels[row].replaceChildren(element("b", {}, head), text));
    if (missing.length) this.labels[2].replaceChildren(`not in this page in 3D: ${missing.join(", ")}`);
    document.body.dataset.shown = `${section.path} | ${match.path}`;
  }

  draw() {
    this.controls.update();
    const { clientWidth: width, clientHeight: height } = this.holder;
    if (!width || !height) return;
    const canvas = this.renderer.domElement;
    const ratio = Math.min(devicePixelRatio, 2);
    if (this.renderer.getPixelRatio() !== ratio) this.renderer.setPixelRatio(ratio);
    this.renderer.setScissorTest(true); // which is lost with the context
    if (canvas.width !== Math.floor(width * ratio) || canvas.height !== Math.floor(height * ratio)) {
      this.renderer.setSize(width, height, false);
      this.stale = true;
    }
    if (!this.stale) return;
    this.stale = false;
    const part = height / 3;
    this.camera.aspect = width / part;
    this.camera.updateProjectionMatrix();
    this.scenes.forEach(({ scene }, row) => {
      const bottom = height - (row + 1) * part;
      this.renderer.setViewport(0, bottom, width, part);
      this.renderer.setScissor(0, bottom, width, part);
      this.renderer.render(scene, this.camera);
    });
  }
}

function tinted(model, colour, opacity) {
  if (!model) return null;
  const copy = model.clone(true);
  copy.traverse((part) => {
    if (!part.isMesh) return;
    part.material = new THREE.MeshLambertMaterial({
      color: colour, opacity, transparent: opacity < 1, depthWrite: opacity === 1,
      side: THREE.DoubleSide, flatShading: true,
    });
  });
  return copy;
}

// The list.

const list = element("div");
const holder = element("div", { className: "views" });
let viewer = null;
try {
  viewer = new Viewer(holder);
} catch {
  holder.append(element("div", { className: "missing" }, "This browser draws no 3D here (WebGL is off)."));
}
let pressed = null;

function choose(card, section, match) {
  if (pressed) pressed.setAttribute("aria-pressed", "false");
  pressed = card;
  card.setAttribute("aria-pressed", "true");
  viewer?.show(section, match);
}

const lines = (items, name, sign) => items.map((item) => element("li", { className: name }, `${sign} ${item}`));

const counted = (number, noun) => `${number} ${noun}${number === 1 ? "" : noun.endsWith("h") ? "es" : "s"}`;
const percent = (share) => `${Math.round(share * 100)}\u00a0%`;

function facts(item) {
  if (item.triangles === undefined) return "could not be read";
  return `${item.triangles.toLocaleString("en")} triangles, ${item.size}, ${item.format}`;
}

function matchCard(section, match, rank) {
  const fit = match.fit === null ? "" : `, ${match.covers ? "covers" : "fit"} ${percent(match.fit)}`;
  const offer = [match.licence, match.price === null ? null : `price ${match.price}`].filter(Boolean).join(", ");
  const notes = [
    match.copy ? "same geometry" : "",
    match.variants ? `${match.variants} variants` : "",
    match.tags.slice(0, 4).join(", "),
    offer,
    `arrived ${match.arrived}`,
  ].filter(Boolean);
  const link = match.url ? element("a", { href: match.url, target: "_blank", rel: "noopener" }, "store page") : "";
  const card = element(
    "div",
    { className: "card", tabIndex: 0, role: "button", title: match.path },
    picture(match),
    element(
      "div",
      { className: "text" },
      element("b", {}, `${rank}. ${match.name}`),
      element("div", { className: "faint folder" }, match.path.split("/").slice(0, -1).join("/")),
      element("div", {}, `score ${match.score.toFixed(2)}${fit}`),
      element("div", { className: "faint" }, facts(match)),
      element(
        "ul",
        {},
        ...lines(match.gains, "gain", "+"),
        ...lines(match.losses, "loss", "−"),
        ...lines(match.warning ? [match.warning] : [], "warning", "!"),
        ...(match.reason ? [element("li", {}, match.reason)] : []),
      ),
      element("div", { className: "faint" }, notes.join(" · ")),
      link,
    ),
  );
  card.setAttribute("aria-pressed", "false");
  card.addEventListener("click", () => choose(card, section, match));
  card.addEventListener("keydown", (event) => {
    if (event.target !== card || !["Enter", " "].includes(event.key)) return;
    event.preventDefault();
    choose(card, section, match);
  });
  return card;
}

const cards = [];
for (const section of report.sections) {
  const own = section.matches.map((match, rank) => ({ match, card: matchCard(section, match, rank + 1) }));
  const query = element(
    "div",
    { className: "card query" },
    picture(section),
    element("div", { className: "text" }, element("b", {}, "yours"), element("div", { className: "faint" }, facts(section))),
  );
  const heading = element("h2", {}, `${section.name} `, element("small", {}, section.path));
  const none = element("p", { className: "faint", hidden: true }, "no match is left by the filters");
  const made = element("section", {}, heading, element("div", { className: "row" }, query, ...own.map(({ card }) => card)), none);
  list.append(made);
  cards.push({ section, made, own, none });
}

// Filters.

const values = (name) =>
  [...new Set(report.sections.flatMap(({ matches }) => matches.map((match) => match[name])).filter(Boolean))].sort();
const choice = (name) =>
  element("select", {}, element("option", { value: "" }, "any"), ...values(name).map((value) => element("option", { value }, value)));
const controls = {
  text: element("input", { type: "search", placeholder: "name, path or tag" }),
  fit: element("input", { type: "number", min: 0, max: 100, step: 5, placeholder: "0" }),
  triangles: element("input", { type: "number", min: 0, placeholder: "any" }),
  format: choice("format"),
  licence: choice("licence"),
  gain: element("input", { type: "checkbox" }),
};
const count = element("span", { className: "faint" });

function passes(section, match) {
  const text = controls.text.value.trim().toLowerCase();
  const where = [section.name, match.name, match.path, ...match.tags].join(" ").toLowerCase();
  const most = Number(controls.triangles.value || Infinity);
  return (
    where.includes(text) &&
    (match.fit ?? 1) * 100 >= Number(controls.fit.value) &&
    (match.triangles ?? Infinity) <= most &&
    (!controls.format.value || match.format === controls.format.value) &&
    (!controls.licence.value || match.licence === controls.licence.value) &&
    (!controls.gain.checked || match.gains.length > 0)
  );
}

function filter() {
  let left = 0;
  for (const { section, own, none } of cards) {
    let here = 0;
    for (const { match, card } of own) {
      card.hidden = !passes(section, match);
      card.style.display = card.hidden ? "none" : "";
      here += card.hidden ? 0 : 1;
    }
    none.hidden = here > 0;
    left += here;
  }
  const total = cards.reduce((sum, { own }) => sum + own.length, 0);
  count.textContent = left === total ? `${counted(total, "match")} of ${counted(cards.length, "asset")}` : `${left} of ${total} matches`;
}

const labelled = (text, control) => element("label", {}, text, control);
document.body.append(
  element(
    "header",
    {},
    element("h1", {}, report.title),
    labelled("", controls.text),
    labelled("fit % at least", controls.fit),
    labelled("triangles at most", controls.triangles),
    values("format").length > 1 ? labelled("format", controls.format) : "",
    values("licence").length > 0 ? labelled("licence", controls.licence) : "",
    labelled("", element("label", {}, controls.gain, "with a gain")),
    count,
    element("span", { className: "faint" }, `made ${report.made.slice(0, 16).replace("T", " ")} UTC`),
  ),
  element("main", {}, list, element("aside", {}, holder)),
);
// The models stand below the header, however many lines that takes.
const header = document.querySelector("header");
new ResizeObserver(() => document.body.style.setProperty("--head", `${header.offsetHeight}px`)).observe(header);
for (const control of Object.values(controls)) control.addEventListener("input", filter);
filter();
const first = cards.find(({ own }) => own.length);
const shown = first && (first.own.find(({ match }) => match.model !== null) ?? first.own[0]);
if (first) choose(shown.card, first.section, shown.match);
else list.append(element("p", { className: "empty" }, "There is nothing to show: no asset has a match."));
document.body.dataset.state = "ready";
