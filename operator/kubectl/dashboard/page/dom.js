// A tree of nodes as values, and the fewest changes that make the document show it. Nothing is made of text from objects but text.

export function h(tag, attrs, ...children) {
  return { tag, attrs: attrs || {}, children: children.flat(9).filter((c) => c !== null && c !== undefined && c !== false && c !== "") };
}

// show makes the children of an element what the nodes say. Elements keep their identity by their key, or by their place.
export function show(parent, nodes) {
  const known = new Map();
  for (const child of parent.childNodes) if (child.vkey !== undefined) known.set(child.vkey, child);
  let at = parent.firstChild;
  for (const node of nodes.flat(9)) {
    if (node === null || node === undefined || node === false) continue;
    let child = place(node, at, known);
    if (child === at) at = at.nextSibling;
    else parent.insertBefore(child, at);
    if (child.nodeType === 1) fill(child, node);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

// place is the node's element: the one with its key, the one at its place when it is alike, or a new one.
function place(node, at, known) {
  if (typeof node !== "object") {
    if (at && at.nodeType === 3) {
      if (at.data !== String(node)) at.data = String(node);
      return at;
    }
    return document.createTextNode(String(node));
  }
  const key = node.attrs.key;
  if (key !== undefined) {
    const found = known.get(key);
    if (found && found.localName === node.tag) return found;
  } else if (at && at.nodeType === 1 && at.localName === node.tag && at.vkey === undefined) {
    return at;
  }
  const made = document.createElement(node.tag);
  made.vkey = key;
  return made;
}

function fill(element, node) {
  const before = element.vattrs || {};
  for (const name of Object.keys(before)) if (!(name in node.attrs) && name !== "own") set(element, name, null, before[name]);
  for (const [name, value] of Object.entries(node.attrs)) if (name !== "key" && name !== "own") set(element, name, value, before[name]);
  element.vattrs = node.attrs;
  if (node.attrs.own) node.attrs.own(element); // which fills it itself
  else show(element, node.children);
}

function set(element, name, value, before) {
  if (name.startsWith("on")) element[name] = value;
  else if (name === "style") {
    for (const [k, v] of Object.entries(value || {})) if (!before || before[k] !== v) element.style.setProperty(k, v);
  } else if (value === before) return;
  else if (value === null || value === undefined || value === false) element.removeAttribute(name);
  else element.setAttribute(name, value === true ? "" : value);
}
