// A lost connection: a slim bar, while what is shown stays. It heals by itself: without loading anew while the server
// still knows the page, else at the same place, with what was being typed in New Job.
(() => {
  const LOST = "Connection lost — trying again";
  const ANEW = "Job Runner was started anew: copy what you typed, then reload this page";
  const KEPT = "job_runner_return";
  const PROBE_MS = 3000;
  const AGAIN_MS = 3000;  // between two tries
  const FIND_MS = 5000;
  const bar = () => document.getElementById("popup");
  const isLost = () => bar()?.ariaHidden === "false";
  const typed = new Set();  // fields that somebody has typed in

  const say = (text) => {
    const [said, ...rest] = bar().querySelectorAll("span");
    said.textContent = text;
    for (const node of rest) node.remove();
  };

  // -- noticing --------------------------------------------------------------------------------------------------

  // The machine says that it is offline, which may or may not hold for us.
  const probe = async (socket) => {
    try {
      await fetch("/healthz", { cache: "no-store", signal: AbortSignal.timeout(PROBE_MS) });
    } catch {
      socket.io.engine?.close();  // tells of it at once, and tries again
    }
  };

  const watch = (socket) => {
    socket.io.reconnectionDelayMax(AGAIN_MS);
    socket.once("connect", () => {
      // A server that is slow to answer is no reason to throw away what is shown: only a page that is gone is.
      socket.off("connect_error");
      socket.on("connect_error", (error) => {
        if (error.message === "Implicit handshake failed") location.reload();
      });
    });
    addEventListener("offline", () => probe(socket));
  };

  // -- what is kept over loading anew ----------------------------------------------------------------------------

  const titleOf = (dialog) => dialog.querySelector("h2")?.textContent;
  const newJob = () => [...document.querySelectorAll(".q-dialog .dialog")].find((node) => titleOf(node) === "New Job");
  const isText = (node) => node.matches("textarea, input:is([type=text], [type=number], :not([type]))");

  const fieldsOf = (dialog) =>
    [...dialog.querySelectorAll(".form-field")].flatMap((field) => {
      const label = field.querySelector("label[for]");
      const input = label && document.getElementById(label.htmlFor);
      return input && isText(input) && !input.closest(".q-select") ? [[label.textContent, input]] : [];
    });

  // The uppermost job that is wholly seen: what stands above the list may be another thing after loading anew.
  const cards = () => [...document.querySelectorAll("main article[data-job-id]")];
  const uppermost = () => {
    const topOf = (card) => card.getBoundingClientRect().top - bar().offsetHeight;
    const card = cards().find((node) => topOf(node) >= 0);
    return card && { job: card.dataset.jobId, top: topOf(card) };
  };
  const backTo = ({ y, place }) => {
    const card = place && cards().find((node) => node.dataset.jobId === place.job);
    if (card) scrollBy({ top: card.getBoundingClientRect().top - place.top, behavior: "instant" });
    else scrollTo({ top: y, behavior: "instant" });
  };

  const keep = () => {
    if (!isLost()) return;
    const dialog = newJob();
    const fields = dialog ? fieldsOf(dialog).map(([name, input]) => [name, input.value]).filter(([, value]) => value) : [];
    const type = dialog?.querySelector(".q-select .q-field__native span")?.textContent.split(" — ")[0];
    const kept = { at: location.pathname + location.search, y: scrollY, place: uppermost(), type, fields };
    sessionStorage.setItem(KEPT, JSON.stringify(kept));
    history.scrollRestoration = "manual";  // the browser would go back by pixels, and after us
  };

  const take = () => {
    const kept = sessionStorage.getItem(KEPT);
    sessionStorage.removeItem(KEPT);
    return kept && JSON.parse(kept);
  };

  const until = async (find) => {
    for (const end = Date.now() + FIND_MS; Date.now() < end; ) {
      const found = find();
      if (found) return found;
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
    return null;
  };

  const giveBack = async (kept) => {
    if (await until(() => document.documentElement.scrollHeight >= kept.y + innerHeight)) backTo(kept);
    if (!kept.fields.length || !(await until(() => window.did_handshake))) return;
    window.goTo(`/app/jobs?new=${encodeURIComponent(kept.type)}`);
    const dialog = await until(newJob);
    for (const [name, value] of dialog ? kept.fields : []) {
      const input = await until(() => fieldsOf(newJob() ?? dialog).find(([other]) => other === name)?.[1]);
      if (!input) continue;
      input.value = value;
      input.dispatchEvent(new Event("input", { bubbles: true }));
    }
    Quasar.Notify.create({ message: "Job Runner was started anew. What you typed is still here.", position: "bottom" });
  };

  // What was typed elsewhere cannot be brought back: the browser asks before it is lost.
  const isTypedElsewhere = () => {
    const own = newJob();
    return [...typed].some((node) => node.isConnected && node.value && node.offsetParent && !own?.contains(node));
  };

  addEventListener("input", (event) => {
    for (const node of typed) if (!node.isConnected) typed.delete(node);
    if (event.target.matches?.("textarea, .q-dialog input")) typed.add(event.target);
  });
  addEventListener("pagehide", keep);
  addEventListener("load", () => setTimeout(() => { history.scrollRestoration = "auto"; }));
  addEventListener("beforeunload", (event) => {
    if (!isLost() || !isTypedElsewhere()) return;
    event.preventDefault();
    setTimeout(() => {  // whoever stays
      bar().ariaHidden = "false";
      say(ANEW);
    }, 200);
  });
  document.addEventListener("DOMContentLoaded", () => {
    if (!bar()) return;
    bar().setAttribute("role", "alert");
    say(LOST);
    if (window.socket) watch(window.socket);
    const kept = take();
    if (kept?.at === location.pathname + location.search) giveBack(kept);
  });
})();
