// The command palette. What is known here is matched at once; jobs and articles are asked for a moment after the last
// key, and an answer to an earlier text is dropped.
(() => {
  const CLOSING_MS = 500;
  const WAIT_MS = 120;
  const MOST_RECENT = 6;
  const { fold, rank, ranked, grouped, recent, remember } = window.matching;
  const isMac = /Mac|iPhone|iPad/.test(navigator.platform);
  const known = { commands: null, recentJobs: [], found: [] };  // what can be shown
  let parts, options, active, number, searched, timer, isSure, used;

  const make = (tag, className, text, attributes = {}) => {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (text) node.textContent = text;
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    return node;
  };

  // -- what to show ---------------------------------------------------------------------------------------------

  // With nothing typed, what was used last comes first, then everything in its order.
  const standing = () => {
    const lines = new Map([...known.commands, ...known.recentJobs].map((line) => [line.id, line]));
    const last = used.filter((id) => lines.has(id)).slice(0, MOST_RECENT).map((id) => lines.get(id));
    const rest = known.commands.filter((line) => !last.includes(line));
    return [...(last.length ? [["Recent", last]] : []), ...grouped(rest)];
  };

  // Jobs and articles stand below, so that nothing moves under the keyboard when they come. Until they are here, of what
  // was found before only what still fits is left.
  const fitting = (text) => {
    const order = (line) => rank(line, text) ?? 6;
    const found = searched === text ? [...known.found] : known.found.filter((line) => order(line) < 6);
    return [...grouped(ranked(known.commands, text, used)), ...grouped(found.sort((a, b) => order(a) - order(b)))];
  };

  // -- drawing ---------------------------------------------------------------------------------------------------

  const draw = () => {
    const typed = parts.input.value.trim();
    const text = fold(typed);
    const groups = text ? fitting(text) : standing();
    const isEmpty = !groups.length;
    const isAsking = Boolean(text) && searched !== text && window.socket?.connected;
    if (text && !(isEmpty && isAsking)) groups.push([isEmpty ? "Instead" : "More", instead(typed, isEmpty)]);
    const wanted = active && isSure ? active.line.id : null;
    options = [];
    parts.list.replaceChildren(...groups.map(([name, lines], place) => drawGroup(name, lines, place)));
    parts.list.setAttribute("aria-busy", isAsking ? "true" : "false");
    parts.input.setAttribute("aria-expanded", String(options.length > 0));
    choose(options.find((each) => each.line.id === wanted) ?? options[0], { isByKey: false });
    tell(typed, isEmpty, isAsking);
  };

  const instead = (typed, isEmpty) => {
    const search = `/app/jobs?q=${encodeURIComponent(typed)}`;
    const lines = [{ id: "search", name: `Search all jobs for “${typed}”`, icon: "manage_search", href: search, isPassing: true }];
    const create = known.commands.find((line) => line.id === "new");
    return isEmpty && create ? [...lines, create] : lines;
  };

  const tell = (typed, isEmpty, isAsking) => {
    const isLost = typed && !window.socket?.connected;
    const fault = parts.fault || (isLost && "The connection is lost: jobs cannot be searched just now.");
    const nothing = isAsking ? "Searching…" : `Nothing matches “${typed}”.`;
    parts.note.textContent = fault || (typed && isEmpty ? nothing : "");
    const count = options.length - (typed ? 1 : 0);
    clearTimeout(parts.told);
    parts.told = setTimeout(() => {  // so that it is not told anew with every key
      if (typed && !isAsking && !isEmpty) parts.status.textContent = count === 1 ? "1 result" : `${count} results`;
      else parts.status.textContent = "";
    }, 500);
  };

  const drawGroup = (name, lines, place) => {
    const head = make("div", "palette-head", name, { id: `palette-group-${place}`, role: "presentation" });
    const group = make("div", "palette-group", "", { role: "group", "aria-labelledby": head.id });
    group.append(head, ...lines.map((line) => drawLine(line, name)));
    return group;
  };

  const drawLine = (line, group) => {
    const node = make("div", "palette-line", "", { role: "option", id: `palette-${options.length}`, "data-icon": line.icon ?? "" });
    const words = make("span", "palette-words");
    words.append(make("span", "palette-name", line.name));
    if (line.number) words.append(make("span", "palette-number", `#${line.number}`));
    if (line.hint) words.append(make("span", "palette-hint", line.hint));
    node.append(words);
    if (line.badge) {
      const [kind, icon, word] = line.badge;
      node.append(make("span", `badge tone-${kind}`, word, { "data-icon": icon }));
      node.append(make("time", "palette-age", line.age, { datetime: line.at }));
    } else if (group === "Recent" && line.group) node.append(make("span", "palette-age", line.group));
    if (line.keys) {
      const keys = make("span", "palette-keys", "", { "aria-hidden": "true" });
      keys.append(...line.keys.split(" ").map((key) => make("kbd", "", key)));
      node.append(keys);
    }
    options.push({ line, node });
    return node;
  };

  const choose = (option, { isByKey = true } = {}) => {
    active?.node.setAttribute("aria-selected", "false");
    active = option;
    isSure = isByKey && Boolean(option);
    for (const each of options) each.node.setAttribute("aria-selected", String(each === option));
    if (!option) return parts.input.removeAttribute("aria-activedescendant");
    parts.input.setAttribute("aria-activedescendant", option.node.id);
    if (option === options[0]) parts.list.scrollTop = 0;
    else option.node.scrollIntoView({ block: "nearest" });
  };

  // -- asking ----------------------------------------------------------------------------------------------------

  const ask = (what, detail) => document.getElementById("palette").dispatchEvent(new CustomEvent(what, { detail }));

  const search = () => {
    const typed = parts.input.value.trim();
    number += 1;
    parts.isAwaited = false;
    parts.fault = "";
    clearTimeout(timer);
    if (fold(typed) && window.socket?.connected) timer = setTimeout(() => ask("find", { number, text: typed }), WAIT_MS);
  };

  const answer = (told) => {
    if (!parts?.dialog.open || told.number !== number) return;
    searched = fold(parts.input.value);
    known.found = told.lines ?? [];
    parts.fault = told.fault ?? "";
    draw();
    if (parts.isAwaited && active) follow(active.line, parts.isAwaited.isNewTab);
  };

  const offer = (told) => {
    known.commands = told.commands;
    known.recentJobs = told.jobs;
    if (parts?.dialog.open && (!parts.input.value.trim() || !isSure)) draw();
  };

  // -- opening, moving, choosing ---------------------------------------------------------------------------------

  const build = () => {
    const dialog = make("dialog", "palette", "", { "aria-label": "Command palette" });
    const input = make("input", "palette-input", "", {
      type: "text", role: "combobox", "aria-label": "Search or jump to", "aria-expanded": "false", "aria-controls": "palette-list",
      "aria-autocomplete": "list", placeholder: "Search or jump to…", autocomplete: "off", autocapitalize: "none", spellcheck: "false",
      enterkeyhint: "go", maxlength: "200",
    });
    const list = make("div", "palette-list", "", { id: "palette-list", role: "listbox", "aria-label": "Results" });
    const note = make("p", "palette-note", "", { role: "status" });
    const status = make("span", "visually-hidden", "", { role: "status" });
    const foot = make("div", "palette-foot muted", "", { "aria-hidden": "true" });
    for (const [keys, does] of [["↑ ↓", "choose"], ["↵", "open"], [isMac ? "⌘ ↵" : "Ctrl ↵", "in a new tab"], ["Esc", "close"]]) {
      const hint = make("span");
      hint.append(...keys.split(" ").map((key) => make("kbd", "", key)), ` ${does}`);
      foot.append(hint);
    }
    const field = make("div", "palette-field", "", { "data-icon": "search" });
    const close = make("button", "icon-button palette-close", "", { type: "button", "aria-label": "Close", "data-icon": "close" });
    field.append(input, close);
    dialog.append(field, note, list, foot, status);
    document.body.append(dialog);
    close.addEventListener("click", shut);
    dialog.addEventListener("close", () => input.blur());  // however a browser came to close it
    input.addEventListener("input", () => {
      isSure = false;
      search();
      draw();
    });
    dialog.addEventListener("keydown", onKey);
    dialog.addEventListener("click", onClick);
    dialog.addEventListener("pointermove", (event) => {
      const option = optionAt(event.target);
      if (option && option !== active) choose(option);
    });
    list.addEventListener("mousedown", (event) => event.preventDefault());  // the field keeps the keyboard
    return { dialog, input, list, note, status, fault: "", isAwaited: false };
  };

  const standingCommands = () => JSON.parse(document.getElementById("palette")?.dataset.commands ?? "[]");

  // What was offered last, but for what a file of jobs would hold: on the Jobs page only the server knows.
  const standingHere = () => {
    const standing = standingCommands();
    const here = location.pathname.replace(/\/$/, "") === "/app/jobs" ? [] : standing;
    const exports = new Map(here.filter((line) => line.download).map((line) => [line.id, line]));
    return (known.commands ?? standing).flatMap((line) => (line.download ? exports.get(line.id) ?? [] : [line]));
  };

  const open = () => {
    parts ??= build();
    known.commands = standingHere();
    number = (number ?? 0) + 1;
    [known.found, searched, isSure, parts.fault, parts.isAwaited] = [[], null, false, "", false];
    used = recent();
    parts.input.value = "";
    parts.dialog.showModal();
    parts.input.focus();
    draw();
    const jobs = used.filter((id) => id.startsWith("job:")).map((id) => Number(id.slice(4)));
    if (window.socket?.connected) ask("offer", { jobs, at: location.pathname + location.search });
  };

  // The field would keep the keyboard if nothing had it before, and take the key that is pressed next.
  const shut = () => {
    parts.dialog.close();
    parts.input.blur();
  };

  const optionAt = (target) => {
    const node = target.closest?.("[role=option]");
    return node && options.find((each) => each.node === node);
  };

  const onClick = (event) => {
    const box = parts.dialog.getBoundingClientRect();
    const isBeside = event.clientX < box.left || event.clientX > box.right || event.clientY < box.top || event.clientY > box.bottom;
    if (event.target === parts.dialog && isBeside) return shut();
    const option = optionAt(event.target);
    if (option) follow(option.line, event.ctrlKey || event.metaKey);
  };

  const onKey = (event) => {
    if (event.isComposing) return;
    const place = options.indexOf(active);
    const places = {
      ArrowDown: (place + 1) % options.length,
      ArrowUp: (place - 1 + options.length) % options.length,
      Home: 0,
      End: options.length - 1,
    };
    if (event.target === parts.input && event.key in places && !event.shiftKey) {
      event.preventDefault();
      if (options.length) choose(options[places[event.key]]);
    } else if (event.key === "Escape") {
      event.preventDefault();  // a browser closes it a moment later, and the next key may come before
      shut();
    } else if (event.key === "Enter" && event.target === parts.input) {
      event.preventDefault();
      const isNewTab = event.ctrlKey || event.metaKey;
      if (active) follow(active.line, isNewTab);
      else if (fold(parts.input.value)) parts.isAwaited = { isNewTab };  // it is followed as soon as it is found
    }
  };

  const follow = (line, isNewTab) => {
    if (!line.isPassing) remember(line.id);
    if (isNewTab && line.href) {
      window.open(line.href, "_blank", "noopener");
      return;
    }
    shut();
    if (line.href) window.goTo(line.href);
    else if (line.press) document.querySelector(line.press)?.click();
    else if (line.download) Object.assign(document.createElement("a"), { href: line.download, download: "" }).click();
    else ask("run", { id: line.id });
  };

  // A dialog that is just being closed is modal for a moment still; one that stays keeps the palette away.
  const openWhenFree = (until) => {
    if (!document.querySelector(".q-dialog--modal, dialog[open]")) open();
    else if (performance.now() < until) setTimeout(openWhenFree, 30, until);
  };

  // -- the doors -------------------------------------------------------------------------------------------------

  document.addEventListener("keydown", (event) => {
    const isWanted = event.key?.toLowerCase() === "k" && (event.metaKey || (event.ctrlKey && !isMac)) && !event.shiftKey && !event.altKey;
    if (!isWanted || !document.getElementById("palette")) return;
    if (parts?.dialog.open) shut();
    else openWhenFree(performance.now() + CLOSING_MS);
    event.preventDefault();
    event.stopPropagation();
  }, true);
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("#palette-button")) open();
  });
  document.addEventListener("DOMContentLoaded", () => {
    const shown = document.getElementById("palette-keys");
    if (shown && isMac) shown.textContent = "⌘ K";
  });
  window.palette = { answer, offer, open, offers: (id) => standingCommands().some((line) => line.id === id) };
})();
