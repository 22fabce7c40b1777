// A page drawn from data: shapes say what should be there, `draw` changes only what is otherwise. Elements are kept as long as
// their key is there, and with them focus, scroll and what somebody is typing.

/** A listener, or an attribute; false and undefined are left out, true is an attribute without a value. */
type Attribute = string | number | boolean | undefined | ((event: Event) => void);
export type Attributes = Readonly<Record<string, Attribute>>;

export interface Shape {
  tag: string;
  /** Tells it from its neighbours; by place where there is none. */
  key: string | undefined;
  attributes: Attributes;
  children: readonly Child[];
}

/** An element of somebody else, such as a plot, is put where it stands and left alone. */
export type Child = Shape | Element | string;
type Given = Child | number | false | undefined | readonly Given[];

const SVG = "http://www.w3.org/2000/svg";
const SVG_TAGS = new Set(["svg", "g", "path", "line", "circle", "rect", "text", "title"]);

interface Drawn {
  shape: Shape;
  listeners: Record<string, (event: Event) => void>;
}
const drawn = new WeakMap<Element, Drawn>();

export function h(tag: string, attributes: Attributes = {}, ...given: readonly Given[]): Shape {
  const { key } = attributes;
  const children = flat(given);
  return { tag, key: key === undefined ? undefined : String(key), attributes, children };
}

function flat(given: readonly Given[]): Child[] {
  return given.flatMap((one): Child[] => {
    if (one === undefined || one === false || one === "") return [];
    if (Array.isArray(one)) return flat(one);
    return [typeof one === "number" ? String(one) : (one as Child)];
  });
}

/** Makes the children of `parent` what is given. */
export function draw(parent: Element, children: readonly Child[]): void {
  const keyed = new Map<string, Element>();
  for (const element of parent.children) {
    const key = drawn.get(element)?.shape.key;
    if (key !== undefined) keyed.set(key, element);
  }
  let next = parent.firstChild;
  for (const child of children) {
    const node = fitting(child, next, keyed) ?? made(child);
    if (node === next) next = next.nextSibling;
    else parent.insertBefore(node, next);
    change(node, child);
  }
  while (next !== null) {
    const after: ChildNode | null = next.nextSibling;
    next.remove();
    next = after;
  }
}

function fitting(
  child: Child,
  next: ChildNode | null,
  keyed: ReadonlyMap<string, Element>,
): ChildNode | undefined {
  if (child instanceof Element) return child;
  if (typeof child === "string") return next instanceof Text ? next : undefined;
  if (child.key !== undefined) {
    const there = keyed.get(child.key);
    return there !== undefined && isTag(there, child.tag) ? there : undefined;
  }
  if (!(next instanceof Element) || !isTag(next, child.tag)) return undefined;
  const before = drawn.get(next);
  return before !== undefined && before.shape.key === undefined ? next : undefined;
}

function isTag(element: Element, tag: string): boolean {
  return element.tagName.toLowerCase() === tag;
}

function made(child: Child): ChildNode {
  if (typeof child === "string") return document.createTextNode(child);
  if (child instanceof Element) return child;
  const { tag } = child;
  return SVG_TAGS.has(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
}

function change(node: ChildNode, child: Child): void {
  if (typeof child === "string") {
    if (node.nodeValue !== child) node.nodeValue = child;
    return;
  }
  if (child instanceof Element || !(node instanceof Element)) return;
  const before = drawn.get(node);
  const { listeners = {}, shape: { attributes: old } = { attributes: {} } } = before ?? {};
  drawn.set(node, { shape: child, listeners });
  for (const name of new Set([...Object.keys(old), ...Object.keys(child.attributes)])) {
    if (name !== "key") setAttribute(node, name, child.attributes[name], listeners);
  }
  draw(node, child.children);
}

function setAttribute(
  element: Element,
  name: string,
  value: Attribute,
  listeners: Drawn["listeners"],
): void {
  if (name.startsWith("on")) {
    const event = name.slice(2);
    // One listener for good, which calls the latest.
    if (!(name in listeners)) element.addEventListener(event, (told) => listeners[name]?.(told));
    listeners[name] = typeof value === "function" ? value : () => undefined;
  } else if (value === undefined || value === false || typeof value === "function") {
    element.removeAttribute(name);
  } else {
    const text = value === true ? "" : String(value);
    if (element.getAttribute(name) !== text) element.setAttribute(name, text);
  }
}

/** A button that does something; `attributes` may say more. */
export function button(words: string, press: () => void, attributes: Attributes = {}): Shape {
  return h("button", { type: "button", onclick: press, ...attributes }, words);
}
