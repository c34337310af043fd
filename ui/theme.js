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
  const slot = new Intl.DateTimeFormat(undefined, { weekday: "short", hour: "2-digit", minute: "2-digit" });
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
      else if (time.dataset.show === "slot") write(time, slot.format(at));
      else if (time.dataset.show === "clock") write(time, (Math.abs(seconds) < 43200 ? clock : day).format(at));
      else write(time, relative(seconds));
    }
  };
  setInterval(tick, 1000);
  window.tellTimes = tick;
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

  // The keyboard goes with what is shown, unless it is at work somewhere else on the page.
  window.focusRow = (id) => {
    const row = getHtmlElement(id);
    if (!row) return;
    row.scrollIntoView({ block: "nearest" });
    const active = document.activeElement;
    if (window.isFocusFree() || active.id === "page-title" || active.closest("[data-arrows]")) row.focus();
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

// Finding and acting on many: the search field, the boxes of cards, and the menus.
(() => {
  const isOff = () => /(^|; )job_runner_keys=off/.test(document.cookie);
  const asking = ".q-dialog--modal, .q-menu, dialog[open], nav.sidebar:popover-open";

  // What was found is shown: the field says so, and shows what was searched for unless somebody types on.
  window.showFound = (id, held) => {
    window.showHeld(id, held);
    const field = getHtmlElement(id);
    if (field && field.value.trim() === held) delete field.parentElement.dataset.busy;
  };

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || document.querySelector(asking)) return;
    const typing = event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable=true]");
    if (typing) return;
    if (event.key === "Escape") document.querySelector(".selection-bar:not([hidden]) [data-clear-selection]")?.click();
    if (event.key !== "x" || event.repeat || isOff()) return;
    const box = event.target.closest("article[data-job-id]")?.querySelector(".pick");
    if (!box) return;
    event.preventDefault();
    box.click();
  });

  // A range is selected by Shift: no text with it.
  document.addEventListener("mousedown", (event) => {
    if (event.shiftKey && event.target.closest(".pick")) event.preventDefault();
  });

  // Arrow keys walk through a menu.
  document.addEventListener("keydown", (event) => {
    const menu = document.querySelector(".q-menu:has([role=menuitem])");
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!menu || !step) return;
    const items = [...menu.querySelectorAll("[role=menuitem]")];
    const place = items.indexOf(document.activeElement);
    event.preventDefault();
    items[place < 0 ? (step > 0 ? 0 : items.length - 1) : (place + step + items.length) % items.length].focus();
  });
})();

// The throughput's bars: moments in the reader's own zone and words.
(() => {
  const minute = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
  const day = new Intl.DateTimeFormat(undefined, { weekday: "short", hour: "2-digit", minute: "2-digit" });
  const date = new Intl.DateTimeFormat(undefined, { weekday: "short", month: "short", day: "numeric" });
  window.slotLabel = (at, span) => (span === "week" ? date : minute).format(new Date(at));
  const cell = (text, style = "") => {
    const element = document.createElement("div");
    element.textContent = text;
    element.style.cssText = style;
    return element.outerHTML;
  };
  window.slotTip = (bars, span) => {
    const [completed, failed] = [0, 1].map((index) => bars.find((bar) => bar.seriesIndex === index)?.value ?? 0);
    const ended = completed + failed;
    const share = ended ? ` (${((100 * failed) / ended).toFixed(1)} %)` : "";
    const at = (span === "hour" ? minute : day).format(new Date(bars[0].axisValue));
    return cell(at, "font-weight: 600") + cell(`${completed.toLocaleString()} completed`) + cell(`${failed.toLocaleString()} failed${share}`);
  };
})();

// One job's page: its log, copying, run time that goes on, and the way back to the list one came from.
(() => {
  const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const NEAR = 24;  // pixels from the end of a log within which its reader follows it

  // A batch of lines. The end stays in view for whoever looks at it, and what somebody reads stays where it is.
  customElements.define("log-lines", class extends HTMLElement {
    connectedCallback() {
      if (this.childElementCount) return;
      const box = this.closest(".log");
      const wasHigh = box ? box.scrollHeight : 0;
      const follows = box && wasHigh - box.scrollTop - box.clientHeight < NEAR;
      this.append(...JSON.parse(this.dataset.lines).map(([at, text]) => {
        const line = document.createElement("div");
        line.className = "log-line";
        const time = document.createElement("time");
        time.dateTime = at;
        time.dataset.show = "clock";
        time.textContent = clock.format(new Date(at));
        const words = document.createElement("span");
        words.dir = "auto";
        words.textContent = text;
        line.append(time, " ", words, "\n");
        return line;
      }));
      if (box && this.dataset.earlier) box.scrollTop += box.scrollHeight - wasHigh;
      else if (follows) box.scrollTop = box.scrollHeight;
    }
  });
  // What was added while an attempt was folded is followed once it is opened.
  document.addEventListener("toggle", (event) => {
    const box = event.target.matches?.("details.attempt[open]") && event.target.querySelector(".log");
    if (box && !box.dataset.seen) box.scrollTop = box.scrollHeight;
    if (box) box.dataset.seen = "yes";
  }, true);

  const SAID_MS = 2000;
  const byHand = (text) => {  // without the clipboard's API, as over plain HTTP from another machine
    const field = document.createElement("textarea");
    field.value = text;
    field.style.cssText = "position: fixed; opacity: 0";
    const focused = document.activeElement;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    focused?.focus();
    return done;
  };
  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      return byHand(text);
    }
  };
  const say = (button, words) => {
    const label = [...button.childNodes].find((node) => node.nodeType === Node.TEXT_NODE);
    const before = button.dataset.label ??= label ? label.nodeValue : button.ariaLabel;
    const write = (text) => {
      if (label) label.nodeValue = text;
      else button.ariaLabel = button.title = text;
    };
    write(words);
    button.classList.add("copied");
    clearTimeout(button.saying);
    button.saying = setTimeout(() => {
      write(before);
      button.classList.remove("copied");
    }, SAID_MS);
  };
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-copies], [data-copy-text]");
    if (!button) return;
    const source = button.dataset.copies && document.getElementById(button.dataset.copies);
    const done = await copy(source ? source.textContent : button.dataset.copyText);
    say(button, done ? "Copied" : "Not copied: select it");
  });

  const elapsed = (seconds) => {
    if (seconds < 60) return `${Math.floor(seconds)} s`;
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
    if (seconds < 172800) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
    return `${Math.floor(seconds / 86400)} days`;
  };
  setInterval(() => {
    for (const time of document.querySelectorAll("time[data-since]")) {
      time.textContent = elapsed(Math.max(0, (Date.now() - new Date(time.dataset.since)) / 1000));
    }
  }, 1000);

  // The list that led to a job is where its page leads back to, with the filters it had.
  const key = "job_runner_back";
  const isJob = (path) => /^\/app\/jobs\/[^/]+\/?$/.test(path);
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    if (!link) return;
    if (link.dataset.back) link.href = sessionStorage.getItem(key) || "/app/jobs";
    else if (isJob(new URL(link.href, location.href).pathname) && !isJob(location.pathname)) {
      sessionStorage.setItem(key, location.pathname + location.search);
    }
  }, true);
})();
