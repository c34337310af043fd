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
      if (time.dataset.show === "countdown") write(time, seconds < 0 ? span(Math.ceil(-seconds)) : "a moment");
      else if (time.dataset.show === "clock") write(time, (Math.abs(seconds) < 43200 ? clock : day).format(at));
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

  // Single keys press the button that names them, unless somebody types, answers a question, or has turned them off.
  const typing = "input:not([type=checkbox]), textarea, select, [contenteditable=true], [role=combobox], [role=listbox]";
  const arrows = { ArrowDown: "j", ArrowUp: "k" };
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.target.closest(typing)) return;
    if (document.querySelector(".q-dialog, .q-menu, nav.sidebar:popover-open")) return;
    const isArrow = event.key in arrows;
    if (isArrow && event.target !== document.body && !event.target.closest("[data-arrows]")) return;
    const key = isArrow ? arrows[event.key] : event.key;
    if (event.repeat && key !== "j" && key !== "k") return;
    const keys = [...document.querySelectorAll("[data-keys=on] [data-key], [data-key='?']")];
    const button = keys.find((node) => node.dataset.key === key && node.offsetParent);
    if (!button) return;
    event.preventDefault();
    button.click();
  });

  // The keyboard goes with what is shown, unless it is at work somewhere else on the page.
  window.focusRow = (id) => {
    const row = getHtmlElement(id);
    if (!row) return;
    row.scrollIntoView({ block: "nearest" });
    if (document.activeElement === document.body || document.activeElement.closest("[data-arrows]")) row.focus();
  };
  window.focusItem = () => requestAnimationFrame(() => document.getElementById("item-title")?.focus());

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

// Notifications: whoever wants them in this browser hears of jobs that newly need approval, while a page is open.
(() => {
  const key = "job_runner_notify";
  const can = "Notification" in window && window.isSecureContext;
  const isOn = () => can && Notification.permission === "granted" && localStorage.getItem(key) === "on";
  const hint = () => {
    if (!can) return "This browser shows notifications only over HTTPS, or from this machine's own address.";
    if (Notification.permission === "denied") return "The browser blocks them: allow notifications in its settings for this site.";
    return isOn() ? "On, as long as a page of Job Runner is open." : "";
  };
  const show = (box) => {
    box.checked = isOn();
    box.disabled = !can || Notification.permission === "denied";
    document.getElementById("notify-me-hint").textContent = hint();
  };
  window.showNotifySwitch = (frames = 120) => {
    const box = document.getElementById("notify-me");  // the page may be drawn a moment later than this is called
    if (box) show(box);
    else if (frames) requestAnimationFrame(() => window.showNotifySwitch(frames - 1));
  };
  document.addEventListener("change", async (event) => {
    const box = event.target;
    if (box.id !== "notify-me") return;
    const wants = box.checked;
    if (wants && Notification.permission !== "granted") await Notification.requestPermission();
    localStorage.setItem(key, wants && Notification.permission === "granted" ? "on" : "off");
    show(box);
  });
  window.notifyApproval = (news) => {
    if (!isOn()) return;
    for (const { title, body, tag, page } of news) {
      try {
        const shown = new Notification(title, { body, tag: `job-runner-${tag}` });  // of several tabs one is seen
        shown.onclick = () => {
          window.focus();
          location.href = page;
        };
      } catch {
        return;  // a phone's browser that leaves them to service workers
      }
    }
  };
})();
