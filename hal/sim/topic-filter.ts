// Which topics an MQTT topic filter matches (MQTT 3.1.1, 4.7).

export function topicMatches(filter: string, topic: string): boolean {
  const wanted = filter.split("/");
  const levels = topic.split("/");
  // 4.7.2: a filter that starts with a wildcard does not match the broker's own topics.
  if (topic.startsWith("$") && (wanted[0] === "+" || wanted[0] === "#")) return false;
  for (const [i, level] of wanted.entries()) {
    if (level === "#") return true;
    if (i >= levels.length) return false;
    if (level !== "+" && level !== levels[i]) return false;
  }
  return wanted.length === levels.length;
}

/** 4.7.1: a wildcard fills a whole level, and `#` is the last one. */
export function validFilter(filter: string): boolean {
  if (filter === "" || filter.length > 65_535) return false;
  const levels = filter.split("/");
  return levels.every(
    (level, i) =>
      (level === "#" && i === levels.length - 1) || level === "+" || !/[+#\0]/.test(level),
  );
}
