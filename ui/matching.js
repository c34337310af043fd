// What is known by name in the browser: how well a line fits what was typed, and what was used last.
(() => {
  const RECENT = "job_runner_recent";
  const MOST_KEPT = 12;

  const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().trim();
  const wordsOf = (text) => text.split(/[^\p{L}\p{N}#]+/u).filter(Boolean);
  const begin = (asked, words) => asked.every((part) => words.some((word) => word.startsWith(part)));

  // How well a line fits what was typed: 0 best, undefined not at all.
  const rank = (line, text) => {
    const name = fold(line.name);
    if (name === text) return 0;
    if (name.startsWith(text)) return 1;
    const [asked, words, also] = [wordsOf(text), wordsOf(name), wordsOf(fold(`${line.also ?? ""} ${line.hint ?? ""}`))];
    if (!asked.length) return undefined;
    if (begin(asked, words)) return 2;
    if (text.length > 1 && words.map((word) => word[0]).join("").startsWith(text)) return 3;
    if (asked.every((part) => name.includes(part))) return 4;
    return begin(asked, [...words, ...also]) ? 5 : undefined;
  };

  // The best first; among equals what was used last, then the order they came in.
  const ranked = (lines, text, used) => {
    const place = (line) => (used.includes(line.id) ? used.indexOf(line.id) : MOST_KEPT);
    const fitting = lines.map((line) => ({ line, rank: rank(line, text), place: place(line) }));
    const kept = fitting.filter((each) => each.rank !== undefined);
    return kept.sort((a, b) => a.rank - b.rank || a.place - b.place).map((each) => each.line);
  };

  const grouped = (lines) => {
    const groups = new Map();
    for (const line of lines) groups.set(line.group, [...(groups.get(line.group) ?? []), line]);
    return [...groups];
  };

  const recent = () => {
    try {
      return JSON.parse(localStorage.getItem(RECENT) ?? "[]").filter((id) => typeof id === "string");
    } catch {
      return [];
    }
  };
  const remember = (id) => {
    try {
      localStorage.setItem(RECENT, JSON.stringify([id, ...recent().filter((other) => other !== id)].slice(0, MOST_KEPT)));
    } catch {}  // a browser that keeps nothing
  };

  window.matching = { fold, rank, ranked, grouped, recent, remember };
})();
