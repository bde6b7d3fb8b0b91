"use strict";
// All assets of a gallery as points, which turn into their thumbnails when they are near.

const map = JSON.parse(document.getElementById("data").textContent);
const { assets } = map;
const count = assets.name.length;

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

// Binary data, which the page holds in base64: layouts, neighbours by space, sheets of thumbnails.

const base64 = (number) => document.getElementById(`blob-${number}`).textContent;

function bytes(number) {
  const text = atob(base64(number));
  const array = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at += 1) array[at] = text.charCodeAt(at);
  return array.buffer;
}

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

const VERTEX = `
  attribute vec3 tint;
  attribute float place;
  attribute float shown;
  uniform float scale;
  uniform float least;
  varying vec3 colour;
  varying float cell;
  varying float size;
  varying float faded;
  void main() {
    vec4 seen = modelViewMatrix * vec4(position, 1.0);
    gl_Position = projectionMatrix * seen;
    // What is chosen lies before what is not.
    gl_Position.z = 0.5 * (gl_Position.z + (shown > 1.5 ? -1.0 : 1.0) * gl_Position.w);
    size = clamp(scale / -seen.z, least, 96.0);
    size *= shown > 1.5 ? 1.6 : 1.0;
    gl_PointSize = size;
    colour = tint;
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
  varying float faded;
  void main() {
    vec2 at = gl_PointCoord;
    if (hasSheet > 0.5 && size > 18.0) {
      vec2 edge = abs(at - 0.5) * 2.0;
      float border = 1.0 - 5.0 / size;
      vec2 corner = vec2(mod(cell, across), floor(cell / across));
      vec4 seen = texture2D(sheet, vec2((corner.x + at.x) / across, 1.0 - (corner.y + at.y) / rows));
      gl_FragColor = vec4(max(edge.x, edge.y) > border ? colour : seen.rgb, faded);
    } else {
      float far = length(at - 0.5);
      if (far > 0.5) discard;
      gl_FragColor = vec4(colour, faded);
    }
  }`;

const holder = element("div", { id: "space" });
const renderer = new THREE.WebGLRenderer({ alpha: true });
renderer.setPixelRatio(Math.min(devicePixelRatio, 2));
holder.append(renderer.domElement);
const scene = new THREE.Scene();
const camera = new THREE.PerspectiveCamera(50, 1, 0.005, 50);
const controls = new THREE.OrbitControls(camera, renderer.domElement);
controls.enableDamping = true;
controls.zoomToCursor = true;
function seeAll() {
  controls.target.set(0, 0, 0);
  // From farther away where the window is narrow.
  camera.position.set(0, 0.5, 1.9).multiplyScalar(Math.max(1, innerHeight / innerWidth));
}
seeAll();
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
      scale: { value: 60 }, least: { value: count > 20000 ? 2 : 5 }, sheet: { value: null },
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
});

// Where everything lies, and what it is coloured by.

const PALETTE = ["#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#76b7b2", "#edc948", "#b07aa1", "#ff9da7", "#9c755f", "#86bcb6", "#d37295", "#8cd17d"];
const OTHER = "#9aa2ad";
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
const heading = element("div", { className: "faint" });
const trust = element("div", { className: "faint" });
const labels = element("div", { id: "labels" });
let labelled = [];

function place(animated) {
  layout = layouts.find(({ space, method }) => space === spaceChoice.value && method === methodChoice.value) ?? layouts[0];
  from = animated ? current.slice() : null;
  since = performance.now();
  if (!animated) current.set(layout.points);
  trust.textContent = `trustworthiness ${layout.trust.toFixed(3)}: how far neighbours here are neighbours in ${layout.space}`;
  labelled = layout.labels.slice(0, 24).map((label) => ({ ...label, element: element("p", {}, label.text) }));
  labels.replaceChildren(...labelled.map((label) => label.element));
  touch("position");
  document.body.dataset.layout = `${layout.space} ${layout.method}`;
}

function touch(name) {
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
    for (const value of numbers) { low = Math.min(low, value); high = Math.max(high, value); }
    const [cold, warm] = [new THREE.Color("#3b5bdb"), new THREE.Color("#f59f00")];
    colourOf = (asset) => cold.clone().lerp(warm, high > low ? (numbers[asset] - low) / (high - low) : 1);
    const ends = by === "sure" ? ["unsure", "sure"] : [low, high].map((value) => new Date(value).toISOString().slice(0, 10));
    legend.replaceChildren(...[["#3b5bdb", ends[0]], ["#f59f00", ends[1]]].map(key));
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

let chosen = null;
function show(rows, title) {
  chosen = rows && new Set(rows);
  for (let asset = 0; asset < count; asset += 1) {
    const shown = clouds[Math.floor(asset / perSheet)].geometry.attributes.shown.array;
    shown[asset % perSheet] = !chosen ? 1 : chosen.has(asset) ? 2 : 0;
  }
  touch("shown");
  heading.textContent = title;
  list.replaceChildren(...(rows ?? []).slice(0, 200).map((asset) => {
    const button = element("button", { title: assets.path[asset] }, thumbnail(asset), assets.name[asset]);
    button.addEventListener("click", () => near(asset));
    return button;
  }));
  document.body.dataset.chosen = rows ? rows.length : "";
}

function search() {
  const wanted = text.value.trim().toLowerCase();
  const day = newer.value;
  if (!wanted && !day) return show(null, "");
  const rows = [];
  for (let asset = 0; asset < count; asset += 1) {
    const words = `${assets.name[asset]} ${assets.path[asset]} ${assets.tags[asset]}`.toLowerCase();
    if (words.includes(wanted) && (!day || assets.arrived[asset] >= day)) rows.push(asset);
  }
  return show(rows, `${rows.length} of ${count}`);
}

function near(asset) {
  const { each, rows } = neighbours[layout.space];
  show([asset, ...rows.subarray(each * asset, each * (asset + 1))], `${assets.name[asset]} and what is nearest in ${layout.space}`);
}

const point = new THREE.Vector3();
function onScreen(asset) {
  point.fromArray(current, 3 * asset).project(camera);
  return [((point.x + 1) / 2) * innerWidth, ((1 - point.y) / 2) * innerHeight, point.z];
}

function under(x, y) {
  let best = null;
  let least = Infinity;
  for (let asset = 0; asset < count; asset += 1) {
    if (chosen && !chosen.has(asset)) continue;
    const [left, top, depth] = onScreen(asset);
    if (depth > 1) continue;
    const gap = Math.hypot(left - x, top - y);
    // Of those under the pointer, the one in front.
    if (gap < 14 && gap + 4000 * (depth - 0.99) < least) {
      best = asset;
      least = gap + 4000 * (depth - 0.99);
    }
  }
  return best;
}

let hovered = null;
let pressed = null;
const hover = element("div", { id: "hover", hidden: true });
const frame = element("div", { id: "frame", hidden: true });
const corners = (event) => [Math.min(pressed.x, event.clientX), Math.min(pressed.y, event.clientY), Math.max(pressed.x, event.clientX), Math.max(pressed.y, event.clientY)];
const { domElement: canvas } = renderer;
canvas.addEventListener("pointerdown", (event) => {
  pressed = { x: event.clientX, y: event.clientY, framing: event.shiftKey };
  controls.enabled = !event.shiftKey;
});
canvas.addEventListener("pointermove", (event) => {
  if (pressed?.framing) {
    const [left, top, right, bottom] = corners(event);
    frame.hidden = false;
    Object.assign(frame.style, { left: `${left}px`, top: `${top}px`, width: `${right - left}px`, height: `${bottom - top}px` });
    return;
  }
  if (pressed) return;
  hovered = under(event.clientX, event.clientY);
  hover.hidden = hovered === null;
  if (hovered === null) return;
  const asset = hovered;
  const facts = [assets.tag[asset], `${assets.triangles[asset].toLocaleString("en")} triangles`, `arrived ${assets.arrived[asset]}`].filter(Boolean);
  hover.replaceChildren(thumbnail(asset, 64), element("div", {}, element("b", {}, assets.name[asset]), element("br"), assets.pack[asset], element("br"), element("span", { className: "faint" }, facts.join(" · "))));
  hover.style.transform = `translate(${Math.min(event.clientX + 14, innerWidth - 330)}px, ${Math.min(event.clientY + 14, innerHeight - 90)}px)`;
});
canvas.addEventListener("pointerup", (event) => {
  const before = pressed;
  if (before?.framing) {
    const [left, top, right, bottom] = corners(event);
    const rows = [];
    for (let asset = 0; asset < count; asset += 1) {
      const [x, y, depth] = onScreen(asset);
      if (depth < 1 && x >= left && x <= right && y >= top && y <= bottom) rows.push(asset);
    }
    show(rows, `${rows.length} in the frame`);
  } else if (before && Math.hypot(event.clientX - before.x, event.clientY - before.y) < 4) {
    const asset = under(event.clientX, event.clientY);
    if (asset === null) show(null, "");
    else near(asset);
  }
  pressed = null;
  frame.hidden = true;
  controls.enabled = true;
});

// Many are drawn smaller, so that they leave each other room.
const thick = 0.045 * Math.min(1, Math.sqrt(2000 / count));
function resize() {
  renderer.setSize(innerWidth, innerHeight);
  camera.aspect = innerWidth / innerHeight;
  // The middle is that of what the panel leaves: it stands at the left, or below in a narrow window.
  const panel = document.getElementById("panel").getBoundingClientRect();
  const below = panel.width === innerWidth;
  const [right, down] = below ? [0, innerHeight - panel.top] : [-panel.right, 0];
  camera.setViewOffset(innerWidth, innerHeight, right / 2, down / 2, innerWidth, innerHeight);
  for (const { material } of clouds) material.uniforms.scale.value = innerHeight * thick * renderer.getPixelRatio();
}

const times = [];
renderer.setAnimationLoop((now) => {
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
  renderer.render(scene, camera);
  for (const label of labelled) {
    point.fromArray(label.at).project(camera);
    label.element.hidden = Boolean(from) || point.z > 1 || Math.abs(point.x) > 1 || Math.abs(point.y) > 1;
    label.element.style.transform = `translate(calc(${((point.x + 1) / 2) * innerWidth}px - 50%), ${((1 - point.y) / 2) * innerHeight}px)`;
  }
});
// For who wants to know how smoothly it turns: milliseconds between the last frames.
window.frameTimes = () => times.slice(1).map((time, at) => time - times[at]);

const field = (name, control) => element("label", {}, name, control);
document.body.append(
  holder,
  labels,
  element(
    "div",
    { id: "panel" },
    element("h1", {}, map.title),
    field("alike in", spaceChoice),
    field("laid out", methodChoice),
    field("colour", colourChoice),
    field("find", text),
    field("newer", newer),
    trust,
    legend,
    element("div", { className: "faint" }, "Drag to turn, scroll to come near, click for what is nearest, shift and drag for a list."),
    heading,
    list,
  ),
  hover,
  frame,
);
addEventListener("resize", resize);
for (const control of [spaceChoice, methodChoice]) control.addEventListener("input", () => { place(true); seeAll(); });
colourChoice.addEventListener("input", paint);
for (const control of [text, newer]) control.addEventListener("input", search);
resize();
place(false);
paint();
Promise.all(pictures).then(() => { document.body.dataset.state = "ready"; });
