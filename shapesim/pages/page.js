"use strict";
// What all pages share: reading what they hold, and making elements of it.

const content = () => JSON.parse(document.getElementById("data").textContent);

// Binary data, which a page holds in base64.

const base64 = (number) => document.getElementById(`blob-${number}`).textContent;

function bytes(number) {
  const text = atob(base64(number));
  const array = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at += 1) array[at] = text.charCodeAt(at);
  return array.buffer;
}

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children.filter((child) => child !== null && child !== ""));
  return made;
}
