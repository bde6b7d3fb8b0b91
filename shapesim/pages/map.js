"use strict";
// All assets of a gallery as points, which turn into their thumbnails when they are near.

const map = content();
const { assets } = map;
const count = assets.name.length;

// Blobs: layouts, neighbours by space, sheets of thumbnails.

const layouts = map.layouts.map((layout, number) => ({ ...layout, points: new Float32Array(bytes(number)) }));
const neighbours = Object.fromEntries(
  Object.entries(map.neighbours).map(([space, each], number) => [
    space,
    { each, rows: new Uint32Array(bytes(layouts.length + number)) },
  ]),
);
const firstSheet = layouts.length + Object.keys(neighbours).length;
const sheetUrls = Array.from({ length: map.sheets }, (_, number) => `data:image/webp;base64,${base64(firstSheet + number)}`);
const across = map.cell ? 2048 / map.cell : 1;
const perSheet = map.sheets ? across * across : count;

function thumbnail(asset, side = 40) {
  if (!map.sheets) return "";
  const made = element("span", { className: "thumbnail" });
  const place = asset % perSheet;
  const tall = Math.ceil(Math.min(perSheet, count - Math.floor(asset / perSheet) * perSheet) / across);
  made.style.backgroundImage = `url(${sheetUrls[Math.floor(asset / perSheet)]})`;
  made.style.backgroundSize = `${across * side}px ${tall * side}px`;
  made.style.backgroundPosition = `${-(place % across) * side}px ${-Math.floor(place / across) * side}px`;
  return made;
}

// The scene: one cloud of points for each sheet of thumbnails.

const LARGEST = 96; // pixels of a thumbnail's side
const CHOSEN = 1.6; // times as large is what is chosen
const PICTURED = 18; // pixels from which a point is a thumbnail
const VERTEX = `
  attribute vec3 tint;
  attribute float place;
  attribute float shown;
  uniform float scale;
  uniform float least;
  uniform float density;
  uniform vec3 accent;
  varying vec3 colour;
  varying float cell;
  varying float size;
  varying float border;
  varying float faded;
  void main() {
    vec4 seen = modelViewMatrix * vec4(position, 1.0);
    gl_Position = projectionMatrix * seen;
    // What is chosen lies before what is not, and what is marked before all.
    float front = shown > 2.5 ? 2.0 : shown > 1.5 ? 1.0 : 0.0;
    gl_Position.z = (gl_Position.z + (2.0 - 2.0 * front) * gl_Position.w) / 3.0;
    size = clamp(scale / -seen.z, least, ${LARGEST.toFixed(1)}) * (shown > 1.5 ? ${CHOSEN.toFixed(1)} : 1.0);
    gl_PointSize = size * density;
    border = shown > 2.5 ? 8.0 : 5.0;
    colour = shown > 2.5 ? accent : tint;
    cell = place;
    faded = shown < 0.5 ? 0.12 : 1.0;
  }`;
const FRAGMENT = `
  uniform sampler2D sheet;
  uniform float across;
  uniform float rows;
  uniform float hasSheet;
  varying vec3 colour;
  varying float cell;
  varying float size;
  varying float border;
  varying float faded;
  void main() {
    vec2 at = gl_PointCoord;
    if (hasSheet > 0.5 && size > ${PICTURED.toFixed(1)}) {
      vec2 edge = abs(at - 0.5) * 2.0;
      vec2 corner = vec2(mod(cell, across), floor(cell / across));
      vec4 seen = texture2D(sheet, vec2((corner.x + at.x) / across, 1.0 - (corner.y + at.y) / rows));
      gl_FragColor = vec4(max(edge.x, edge.y) > 1.0 - border / size ? colour : seen.rgb, faded);
    } else {
      float far = length(at - 0.5);
      if (far > 0.5) discard;
      gl_FragColor = vec4(colour, faded);
    }
  }`;

const holder = element("div", { id: "space" });
let renderer = null;
try {
  renderer = new THREE.WebGLRenderer({ alpha: true });
} catch {
  holder.append(element("p", { className: "missing" }, "This browser draws no 3D here (WebGL is off). Search and lists work without."));
}
const canvas = renderer?.domElement ?? element("canvas");
Object.assign(canvas, { tabIndex: 0, role: "application", ariaLabel: "map of all assets; arrows turn it, + and - come nearer and go away" });
if (renderer) holder.append(canvas);
const scene = new THREE.Scene();
const camera = new THREE.PerspectiveCamera(50, 1, 0.005, 50);
const controls = new THREE.OrbitControls(camera, canvas);
controls.enableDamping = true;
controls.zoomToCursor = true;
// It is drawn only when something has changed, so that a page that is left open costs nothing.
let stale = true;
const outdate = () => { stale = true; };
controls.addEventListener("change", outdate);
canvas.addEventListener("webglcontextrestored", outdate);
const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;

// What the panel leaves of the window: it stands at the left, or below in a narrow one.
function room() {
  const panel = document.getElementById("panel").getBoundingClientRect();
  const isBelow = panel.width === innerWidth;
  return { left: isBelow ? 0 : panel.right, bottom: isBelow ? panel.top : innerHeight };
}

const FROM = new THREE.Vector3(0, 0.25, 0.97).normalize(); // where the camera is at first
const SEEN = 0.98; // of all: a few that lie far out do not make all the others small
// How far away the camera has to be there, to see a layout in that room.
function distance() {
  const { left, bottom } = room();
  const high = Math.tan((camera.fov * Math.PI) / 360) * 0.94;
  const [wide, tall] = [(high * (innerWidth - left)) / innerHeight, (high * bottom) / innerHeight];
  const right = new THREE.Vector3(0, 1, 0).cross(FROM).normalize();
  const up = FROM.clone().cross(right);
  const at = new THREE.Vector3();
  const needed = new Float32Array(count);
  for (let asset = 0; asset < count; asset += 1) {
    at.fromArray(layout.points, 3 * asset);
    needed[asset] = at.dot(FROM) + Math.max(Math.abs(at.dot(right)) / wide, Math.abs(at.dot(up)) / tall);
  }
  return Math.max(needed.sort()[Math.floor(SEEN * (count - 1))], 0.5);
}

let fitted = 1;
function seeAll() {
  fitted = distance();
  controls.target.set(0, 0, 0);
  camera.position.copy(FROM).multiplyScalar(fitted);
}
const LEAST = count > 20000 ? 2 : 5; // pixels of a point
const current = new Float32Array(3 * count);
const clouds = [];
for (let start = 0; start < count; start += perSheet) {
  const length = Math.min(perSheet, count - start);
  const geometry = new THREE.BufferGeometry();
  geometry.setAttribute("position", new THREE.BufferAttribute(current.subarray(3 * start, 3 * (start + length)), 3));
  geometry.setAttribute("tint", new THREE.BufferAttribute(new Float32Array(3 * length), 3));
  geometry.setAttribute("shown", new THREE.BufferAttribute(new Float32Array(length).fill(1), 1));
  geometry.setAttribute("place", new THREE.BufferAttribute(Float32Array.from({ length }, (_, place) => place), 1));
  const material = new THREE.ShaderMaterial({
    vertexShader: VERTEX, fragmentShader: FRAGMENT, transparent: true,
    uniforms: {
      scale: { value: 60 }, least: { value: LEAST }, density: { value: 1 }, accent: { value: new THREE.Color(0.9, 0.1, 0.45) }, sheet: { value: null },
      across: { value: across }, rows: { value: Math.ceil(length / across) }, hasSheet: { value: 0 },
    },
  });
  const cloud = new THREE.Points(geometry, material);
  cloud.frustumCulled = false;
  scene.add(cloud);
  clouds.push(cloud);
}
const pictures = sheetUrls.map(async (url, number) => {
  const image = element("img", { src: url });
  await image.decode();
  const canvas = element("canvas", { width: image.width, height: image.height });
  canvas.getContext("2d").drawImage(image, 0, 0);
  const { uniforms } = clouds[number].material;
  uniforms.sheet.value = new THREE.CanvasTexture(canvas);
  uniforms.hasSheet.value = 1;
  outdate();
});

// Where everything lies, and what it is coloured by.

const PALETTE = ["#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#76b7b2", "#edc948", "#b07aa1", "#ff9da7", "#9c755f", "#b6992d", "#d37295", "#8cd17d"];
const OTHER = "#9aa2ad";
const [COLD, WARM] = ["#3b5bdb", "#f59f00"];
let layout = layouts[0];
let from = null;
let since = 0;
const choice = (options) => element("select", {}, ...options.map(([value, text]) => element("option", { value }, text)));
const METHODS = { umap: "UMAP", tsne: "t-SNE", pca: "PCA" };
const spaceChoice = choice([...new Set(layouts.map(({ space }) => space))].map((space) => [space, space]));
const methodChoice = choice([...new Set(layouts.map(({ method }) => method))].map((method) => [method, METHODS[method]]));
const hasTags = assets.tag.some(Boolean);
const colourChoice = choice([
  ...(hasTags ? [["tag", "tag"]] : []), ["pack", "pack"], ["arrived", "arrival"], ...(hasTags ? [["sure", "tag confidence"]] : []),
]);
const text = element("input", { type: "search", placeholder: "name, pack or tag" });
const newer = element("input", { type: "date" });
const legend = element("div", { id: "legend" });
const list = element("div", { id: "list" });
const heading = element("div", { className: "faint", role: "status" });
const copy = element("button", { hidden: true }, "copy paths");
const framing = element("button", { ariaPressed: "false", title: "then drag over the map; or hold shift while you drag" }, "frame");
const trust = element("div", { className: "faint" });
const labels = element("div", { id: "labels", hidden: !renderer });
let labelled = [];

function place(animated) {
  layout = layouts.find(({ space, method }) => space === spaceChoice.value && method === methodChoice.value) ?? layouts[0];
  from = animated && !isCalm ? current.slice() : null;
  since = performance.now();
  if (!from) current.set(layout.points);
  trust.textContent = `trustworthiness ${layout.trust.toFixed(3)}: how far neighbours here are neighbours in ${layout.space}`;
  labelled = layout.labels.slice(0, 24).map((label) => ({ ...label, element: element("p", {}, label.text) }));
  labels.replaceChildren(...labelled.map((label) => label.element));
  for (const label of labelled) label.width = label.element.offsetWidth;
  touch("position");
  document.body.dataset.layout = `${layout.space} ${layout.method}`;
}

function touch(name) {
  outdate();
  for (const cloud of clouds) cloud.geometry.attributes[name].needsUpdate = true;
}

function paint() {
  const by = colourChoice.value;
  const values = assets[by];
  let colourOf;
  if (by === "sure" || by === "arrived") {
    const numbers = values.map((value) => (by === "sure" ? value : Date.parse(value)));
    let low = Infinity;
    let high = -Infinity;
    for (const [asset, value] of numbers.entries()) {
      if (by === "sure" && !assets.tag[asset]) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    const [cold, warm, none] = [COLD, WARM, OTHER].map((name) => new THREE.Color(name));
    const isKnown = (asset) => by !== "sure" || Boolean(assets.tag[asset]);
    colourOf = (asset) => (isKnown(asset) ? cold.clone().lerp(warm, high > low ? (numbers[asset] - low) / (high - low) : 1) : none);
    const said = (value) => (by === "sure" ? `${Math.round(value * 100)}\u00a0% sure` : new Date(value).toISOString().slice(0, 10));
    const keys = [...(high > low ? [[COLD, said(low)]] : []), [WARM, said(high)]];
    legend.replaceChildren(...[...keys, ...(assets.tag.every((_, asset) => isKnown(asset)) ? [] : [[OTHER, "no tag"]])].map(key));
  } else {
    const counts = new Map();
    for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
    const common = [...counts].filter(([value]) => value).sort((a, b) => b[1] - a[1]).slice(0, PALETTE.length).map(([value]) => value);
    const colours = new Map(common.map((value, number) => [value, new THREE.Color(PALETTE[number])]));
    const other = new THREE.Color(OTHER);
    colourOf = (asset) => colours.get(values[asset]) ?? other;
    legend.replaceChildren(...common.map((value, number) => key([PALETTE[number], value])), ...(counts.size > common.length ? [key([OTHER, "other"])] : []));
  }
  for (let asset = 0; asset < count; asset += 1) {
    const colour = colourOf(asset);
    const cloud = clouds[Math.floor(asset / perSheet)];
    // The shader writes colours as the screen has them.
    colour.clone().convertLinearToSRGB().toArray(cloud.geometry.attributes.tint.array, 3 * (asset % perSheet));
  }
  touch("tint");
}

function key([colour, name]) {
  const dot = element("i");
  dot.style.background = colour;
  return element("span", {}, dot, name);
}

// Search, hover, neighbours, and a frame of one's own.

const LISTED = 200;
const copies = new Map();
for (const geometry of assets.geometry) copies.set(geometry, (copies.get(geometry) ?? 0) + 1);
const plain = (words) => words.normalize("NFC").toLowerCase();
const words = assets.name.map((name, asset) => plain(`${name} ${assets.path[asset]} ${assets.pack[asset]} ${assets.tags[asset]}`));
let chosen = null; // what is shown brightly; null for all
let found = null; // by the search; null for all
let asked = null; // whose neighbours are shown
let marked = null;

function brightness(asset) {
  if (asset === marked) return 3;
  return !chosen ? 1 : chosen.has(asset) ? 2 : 0;
}

function mark(asset) {
  const before = marked;
  marked = asset;
  for (const one of [before, asset]) {
    if (one !== null) clouds[Math.floor(one / perSheet)].geometry.attributes.shown.array[one % perSheet] = brightness(one);
  }
  touch("shown");
}

function row(asset) {
  const alike = copies.get(assets.geometry[asset]) - 1;
  const below = [assets.pack[asset], alike && asked !== null ? `+${alike} of equal geometry` : ""].filter(Boolean).join(" · ");
  const made = element("button", { title: assets.path[asset] }, thumbnail(asset), element("span", {}, assets.name[asset], element("small", { className: "faint" }, below)));
  made.addEventListener("click", () => near(asset));
  for (const name of ["pointerenter", "focus"]) made.addEventListener(name, () => mark(asset));
  for (const name of ["pointerleave", "blur"]) made.addEventListener(name, () => mark(asked));
  return made;
}

function show(rows, title, of = null) {
  const hadFocus = list.contains(document.activeElement);
  chosen = rows && new Set(rows);
  asked = of;
  marked = of;
  for (let asset = 0; asset < count; asset += 1) {
    clouds[Math.floor(asset / perSheet)].geometry.attributes.shown.array[asset % perSheet] = brightness(asset);
  }
  touch("shown");
  heading.textContent = title;
  list.replaceChildren(...(rows ?? []).slice(0, LISTED).map(row));
  if (rows?.length > LISTED) list.append(element("div", { className: "faint" }, `and ${rows.length - LISTED} more; all are copied`));
  copy.hidden = !rows?.length;
  labels.className = rows ? "faded" : "";
  list.scrollTop = 0;
  panel.scrollTop = 0;
  if (hadFocus) list.firstElementChild?.focus();
  document.body.dataset.chosen = rows ? rows.length : "";
}

function search() {
  const wanted = plain(text.value).split(/\s+/).filter(Boolean);
  const day = newer.value;
  const rows = [];
  for (let asset = 0; asset < count; asset += 1) {
    if (wanted.every((word) => words[asset].includes(word)) && (!day || assets.arrived[asset] >= day)) rows.push(asset);
  }
  found = wanted.length || day ? new Set(rows) : null;
  if (found) show(rows, `${rows.length} of ${count}`);
  else show(null, "");
}

function near(asset) {
  const { each, rows } = neighbours[layout.space];
  show([asset, ...rows.subarray(each * asset, each * (asset + 1))], `${assets.name[asset]} and what is nearest in ${layout.space}`, asset);
}

async function copyPaths() {
  const lines = [...chosen].map((asset) => assets.path[asset]).join("\n");
  try {
    await navigator.clipboard.writeText(lines);
  } catch { // which not every browser allows a file
    const area = element("textarea", { value: lines });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  copy.textContent = `${chosen.size} copied`;
  setTimeout(() => { copy.textContent = "copy paths"; }, 1500);
}

const point = new THREE.Vector3();
function onScreen(asset) {
  point.fromArray(current, 3 * asset).project(camera);
  return [((point.x + 1) / 2) * innerWidth, ((1 - point.y) / 2) * innerHeight, point.z];
}

// Pixels of an asset's side, as the shader has it.
function sideOf(asset) {
  const away = -point.fromArray(current, 3 * asset).applyMatrix4(camera.matrixWorldInverse).z;
  const { scale } = clouds[0].material.uniforms;
  return Math.min(Math.max(scale.value / away, LEAST), LARGEST) * (chosen?.has(asset) ? CHOSEN : 1);
}

// The asset that is seen at a place, or the nearest close by.
function under(x, y) {
  const CLOSE = 9;
  let best = null;
  let least = [Infinity, Infinity];
  for (let asset = 0; asset < count; asset += 1) {
    if (chosen && !chosen.has(asset)) continue;
    const [left, top, depth] = onScreen(asset);
    const [across, down] = [Math.abs(left - x), Math.abs(top - y)];
    if (depth > 1 || Math.max(across, down) > (LARGEST * CHOSEN) / 2) continue;
    const side = sideOf(asset);
    const isPicture = map.sheets > 0 && side > PICTURED;
    const gap = isPicture ? Math.max(across, down) : Math.hypot(across, down);
    if (gap > Math.max(side / 2, CLOSE)) continue;
    // What is marked is drawn before all, and what is hit before what is close.
    const order = gap <= side / 2 ? [0, asset === marked ? -1 : depth] : [1, gap];
    if (order[0] < least[0] || (order[0] === least[0] && order[1] < least[1])) {
      best = asset;
      least = order;
    }
  }
  return best;
}

let pressed = null;
const hover = element("div", { id: "hover", hidden: true });
const frame = element("div", { id: "frame", hidden: true });
const corners = (event) => [Math.min(pressed.x, event.clientX), Math.min(pressed.y, event.clientY), Math.max(pressed.x, event.clientX), Math.max(pressed.y, event.clientY)];
const isFraming = () => framing.ariaPressed === "true";
function setFraming(is) {
  framing.ariaPressed = String(is);
  canvas.style.cursor = is ? "crosshair" : "";
}

function tell(asset, x, y) {
  hover.hidden = asset === null;
  if (asset === null) return;
  const facts = [assets.tag[asset], `${assets.triangles[asset].toLocaleString("en")} triangles`, `arrived ${assets.arrived[asset]}`].filter(Boolean);
  hover.replaceChildren(thumbnail(asset, 64), element("div", {}, element("b", {}, assets.name[asset]), element("br"), assets.pack[asset], element("br"), element("span", { className: "faint" }, facts.join(" · "))));
  hover.style.transform = `translate(${Math.max(0, Math.min(x + 14, innerWidth - 330))}px, ${Math.min(y + 14, innerHeight - 90)}px)`;
}

canvas.addEventListener("pointerdown", (event) => {
  hover.hidden = true;
  if (event.button !== 0 || !event.isPrimary) return;
  pressed = { x: event.clientX, y: event.clientY, framing: event.shiftKey || isFraming() };
  controls.enabled = !pressed.framing;
});
canvas.addEventListener("pointermove", (event) => {
  if (pressed?.framing) {
    const [left, top, right, bottom] = corners(event);
    frame.hidden = false;
    Object.assign(frame.style, { left: `${left}px`, top: `${top}px`, width: `${right - left}px`, height: `${bottom - top}px` });
  } else if (!pressed) tell(under(event.clientX, event.clientY), event.clientX, event.clientY);
});
canvas.addEventListener("pointerup", (event) => {
  const before = pressed;
  if (before?.framing) {
    const [left, top, right, bottom] = corners(event);
    const rows = [];
    for (let asset = 0; asset < count; asset += 1) {
      if (found && !found.has(asset)) continue;
      const [x, y, depth] = onScreen(asset);
      if (depth < 1 && x >= left && x <= right && y >= top && y <= bottom) rows.push(asset);
    }
    show(rows, `${rows.length} in the frame`);
    setFraming(false);
  } else if (before && Math.hypot(event.clientX - before.x, event.clientY - before.y) < 4) {
    const asset = under(event.clientX, event.clientY);
    if (asset === null) search();
    else near(asset);
    if (event.pointerType !== "mouse") tell(asset, event.clientX, event.clientY);
  }
  letGo();
});
function letGo() {
  pressed = null;
  frame.hidden = true;
  controls.enabled = true;
}
canvas.addEventListener("pointercancel", letGo);
canvas.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") hover.hidden = true; });
canvas.addEventListener("wheel", () => { hover.hidden = true; }, { passive: true });

// By keys: the camera goes about what it looks at.
const STEP = 0.1;
const KEYS = {
  ArrowLeft: [-STEP, 0, 1], ArrowRight: [STEP, 0, 1], ArrowUp: [0, STEP, 1], ArrowDown: [0, -STEP, 1],
  "+": [0, 0, 1 - STEP], "=": [0, 0, 1 - STEP], "-": [0, 0, 1 / (1 - STEP)],
};
canvas.addEventListener("keydown", (event) => {
  if (!KEYS[event.key] || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  const [round, over, farther] = KEYS[event.key];
  const arm = camera.position.clone().sub(controls.target);
  const up = new THREE.Vector3(0, 1, 0);
  const height = Math.asin(arm.y / arm.length());
  const lifted = Math.min(Math.max(over, -1.5 - height), 1.5 - height);
  arm.applyAxisAngle(up, round).applyAxisAngle(arm.clone().cross(up).normalize(), lifted).multiplyScalar(farther);
  camera.position.copy(controls.target).add(arm);
  hover.hidden = true;
});
addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  setFraming(false);
  text.value = newer.value = "";
  search();
});

// Many are drawn smaller, so that they leave each other room.
const thick = 0.045 * Math.min(1, Math.sqrt(2000 / count));
function resize() {
  // In the middle of what the panel leaves, and as near as before.
  const { left, bottom } = room();
  camera.aspect = innerWidth / innerHeight;
  camera.setViewOffset(innerWidth, innerHeight, -left / 2, (innerHeight - bottom) / 2, innerWidth, innerHeight);
  const arm = camera.position.clone().sub(controls.target).divideScalar(fitted);
  fitted = distance();
  camera.position.copy(controls.target).addScaledVector(arm, fitted);
  const density = Math.min(devicePixelRatio, 2);
  renderer?.setPixelRatio(density);
  renderer?.setSize(innerWidth, innerHeight);
  outdate();
  for (const { material } of clouds) {
    material.uniforms.scale.value = innerHeight * thick;
    material.uniforms.density.value = density;
  }
}

// Labels, the largest cluster's first, as far as they do not lie upon each other.
function placeLabels() {
  const HIGH = 20;
  const taken = [];
  for (const label of labelled) {
    point.fromArray(label.at).project(camera);
    const [x, y] = [((point.x + 1) / 2) * innerWidth, ((1 - point.y) / 2) * innerHeight];
    const isFree = taken.every((other) => Math.abs(other.x - x) > (other.width + label.width) / 2 || Math.abs(other.y - y) > HIGH);
    label.element.style.visibility = from || point.z > 1 || Math.abs(point.x) > 1 || Math.abs(point.y) > 1 || !isFree ? "hidden" : "";
    if (label.element.style.visibility) continue;
    label.element.style.transform = `translate(calc(${x}px - 50%), ${y}px)`;
    taken.push({ x, y, width: label.width });
  }
}

const times = [];
renderer?.setAnimationLoop((now) => {
  times.push(now);
  if (times.length > 120) times.shift();
  if (from) {
    const share = Math.min(1, (now - since) / 700);
    const eased = share * share * (3 - 2 * share);
    for (let at = 0; at < current.length; at += 1) current[at] = from[at] + (layout.points[at] - from[at]) * eased;
    touch("position");
    if (share === 1) from = null;
  }
  controls.update();
  if (!stale) return;
  stale = false;
  renderer.render(scene, camera);
  placeLabels();
});
// For who wants to know how smoothly it turns: milliseconds between the last frames.
window.frameTimes = () => times.slice(1).map((time, at) => time - times[at]);

const field = (name, control) => element("label", {}, name, control);
const panel = element(
  "div",
  { id: "panel" },
  element("h1", {}, map.title),
  field("find", text),
  field("newer", newer),
  element("div", { className: "said" }, heading, framing, copy),
  list,
  field("alike in", spaceChoice),
  field("laid out", methodChoice),
  field("colour", colourChoice),
  legend,
  trust,
  element("div", { className: "faint" }, "Drag to turn, scroll to come near, click for what is nearest. Frame some for a list."),
);
document.body.append(holder, labels, panel, hover, frame);
addEventListener("resize", resize);
for (const control of [spaceChoice, methodChoice]) {
  control.addEventListener("input", () => {
    place(true);
    seeAll();
    if (asked !== null) near(asked);
  });
}
colourChoice.addEventListener("input", paint);
for (const control of [text, newer]) control.addEventListener("input", search);
copy.addEventListener("click", copyPaths);
framing.addEventListener("click", () => setFraming(!isFraming()));
place(false);
paint();
seeAll();
resize();
Promise.all(pictures).then(() => { document.body.dataset.state = "ready"; });
