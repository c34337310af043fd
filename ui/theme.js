// Keeps times in the reader's own zone and words, without asking the server.
(() => {
  const units = [[86400, "d"], [3600, "h"], [60, "min"]];
  const span = (s) => {
    for (const [size, name] of units) if (s >= size) return `${Math.floor(s / size)} ${name}`;
    return `${Math.floor(s)} s`;
  };
  const relative = (s) => (s < 0 ? `in ${span(-s)}` : s < 5 ? "just now" : `${span(s)} ago`);
  const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
  const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const day = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
  const write = (element, text) => {
    if (element.textContent !== text) element.textContent = text;
  };
  const tick = () => {
    for (const time of document.querySelectorAll("time[datetime]")) {
      const at = new Date(time.dateTime);
      if (isNaN(at)) continue;
      const local = exact.format(at);
      if (time.title !== local) time.title = local;
      const seconds = (Date.now() - at) / 1000;
      if (time.dataset.show === "clock") write(time, (Math.abs(seconds) < 43200 ? clock : day).format(at));
      else write(time, relative(seconds));
    }
  };
  setInterval(tick, 1000);
  document.addEventListener("DOMContentLoaded", tick);

  // The sidebar is a popover on a phone: following a link closes it.
  document.addEventListener("click", (event) => {
    const nav = event.target.closest("nav.sidebar");
    if (nav && event.target.closest("a") && nav.matches(":popover-open")) nav.hidePopover();
  });

  // Arrow keys choose within a group of radio buttons.
  document.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const group = step && event.target.closest("[role=radiogroup]");
    if (!group) return;
    const radios = [...group.querySelectorAll("[role=radio]")];
    const next = radios[(radios.indexOf(event.target) + step + radios.length) % radios.length];
    event.preventDefault();
    next.focus();
    next.click();
  });

  // A field shows what holds, unless somebody is typing in it: what they entered last may give way, what they type may not.
  window.showHeld = (id, held, entered) => {
    const field = getHtmlElement(id);
    if (!field) return;
    const typing = document.activeElement === field && field.value !== (entered ?? field.dataset.held ?? "");
    field.dataset.held = held;
    if (!typing) field.value = held;
  };

  // The list of a select hangs beside the page: name its place, and let only its options take the focus.
  const tidy = (portal) => {
    portal.setAttribute("role", "region");
    portal.setAttribute("aria-label", "Choices");
    const unfocus = () =>
      portal.querySelectorAll(".q-virtual-scroll__content[tabindex]").forEach((node) => node.removeAttribute("tabindex"));
    unfocus();
    new MutationObserver(unfocus).observe(portal, { childList: true, subtree: true });
  };
  new MutationObserver((changes) => {
    for (const node of changes.flatMap((change) => [...change.addedNodes])) {
      if (node.id?.startsWith("q-portal--menu")) tidy(node);
    }
  }).observe(document.body, { childList: true });
})();
