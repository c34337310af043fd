// Single keys, unless somebody types, answers a question, or has turned them off. A page's own are the buttons that name
// theirs in data-key; the others hold everywhere.
(() => {
  const typing =
    "input:not([type=checkbox]), textarea, select, [contenteditable=true], [role=combobox], [role=listbox], [role=textbox]";
  const asking = ".q-dialog--modal, .q-menu, dialog[open], nav.sidebar:popover-open";
  const arrows = { ArrowDown: "j", ArrowUp: "k" };
  const pages = { d: "/app", j: "/app/jobs", a: "/app/approvals", t: "/app/schedules", w: "/app/agents", s: "/app/settings", k: "/app/kb" };
  const GO_MS = 1500;
  let goUntil = 0;

  const isOff = () => /(^|; )job_runner_keys=off/.test(document.cookie);
  const isShown = (node) => Boolean(node?.offsetParent);

  // Follows a link as if it had been pressed; what asks for a new job keeps the filters of the Jobs page.
  window.goTo = (href) => {
    const url = new URL(href, location.href);
    if (url.searchParams.has("new") && url.pathname === location.pathname) {
      const asked = url.searchParams.get("new");
      url.search = location.search;
      url.searchParams.set("new", asked);
    }
    press(url.pathname + url.search + url.hash);
  };
  const press = (href) => {
    const link = document.createElement("a");
    link.href = href;
    document.body.append(link);
    link.click();
    link.remove();
  };

  const newJob = () => {
    const buttons = [...document.querySelectorAll(".content button")];
    const own = buttons.find((node) => isShown(node) && node.textContent.trim() === "New Job");
    if (own) own.click();
    else if (window.palette?.offers("new")) window.goTo("/app/jobs?new=any");
  };

  const search = () => {
    const fields = document.querySelectorAll(".content :is(input[type=search], [role=searchbox], input[aria-label^=Search])");
    const field = [...fields].find(isShown);
    if (field) field.focus();
    else window.palette?.open();
  };

  // To the next card, or the one before; Enter opens what has the keyboard.
  const step = (by) => {
    const cards = [...document.querySelectorAll(".content article[data-job-id]")].filter(isShown);
    const place = cards.indexOf(document.activeElement.closest("article[data-job-id]"));
    const next = cards[place < 0 ? 0 : Math.max(0, Math.min(cards.length - 1, place + by))];
    next?.querySelector("a.card-name, a")?.focus();
    next?.scrollIntoView({ block: "nearest" });
    return Boolean(next);
  };

  const general = {
    "?": () => document.getElementById("shortcuts")?.click(),
    "/": search,
    n: newJob,
    g: () => (goUntil = Date.now() + GO_MS),
    j: () => step(1),
    k: () => step(-1),
  };

  const own = (key) => [...document.querySelectorAll("[data-key]")].find((node) => node.dataset.key === key && isShown(node));

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.target.closest(typing)) return;
    if (event.key === "Shift" || document.querySelector(asking) || isOff()) return;
    const isGoing = Date.now() < goUntil;
    goUntil = 0;
    if (isGoing) {
      event.preventDefault();
      if (Object.hasOwn(pages, event.key)) window.goTo(pages[event.key]);
      return;
    }
    const isArrow = event.key in arrows;
    const isFree = event.target === document.body || event.target.id === "page-title" || event.target.closest("[data-arrows]");
    if (isArrow && !isFree) return;
    const key = isArrow ? arrows[event.key] : event.key;
    if (event.repeat && key !== "j" && key !== "k") return;
    const button = own(key);
    if (button) button.click();
    else if (isArrow || !Object.hasOwn(general, key) || general[key]() === false) return;
    event.preventDefault();
  });
})();
