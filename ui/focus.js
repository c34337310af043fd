// What has the keyboard may vanish when it is pressed, or because of somebody else. The keyboard goes on at what stands
// in its place, else at its like in the next row or the one before, else at the heading of its region.
(() => {
  const FLOATING = ".q-dialog, .q-menu, dialog[open]";  // also while it fades, unlike for keys
  const TYPED_IN = "input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable=true]";
  const FOCUSABLE = "a[href], button, input, select, textarea, summary, [tabindex]";
  const REGION = "article, section, li, [role=listitem], [role=region]";
  let held = null;  // what has the keyboard, but for what floats above the page
  let moved = null;  // what was given it instead of something that vanished
  let isLost = false;
  let ticked = null;  // the box that was ticked last

  const isShown = (node) => node.isConnected && node.checkVisibility();
  const isNowhere = () => !document.activeElement || document.activeElement === document.body || !isShown(document.activeElement);
  const allIn = (root) => [...(root.matches(FOCUSABLE) ? [root] : []), ...root.querySelectorAll(FOCUSABLE)];
  const nameOf = (node) => node.dataset.toggle ?? node.ariaLabel ?? node.textContent;
  const note = (node) => {
    if (!node || node === document.body || node.closest(FLOATING)) return;
    if (node !== moved) moved = null;
    [held, isLost] = [node, false];
  };

  // -- where it goes on ------------------------------------------------------------------------------------------

  // The one of the same name, else the one at the same place, else those behind it and before it.
  const like = (root, lost, place, fits = (node) => node.tagName === lost.tagName) => {
    const all = allIn(root);
    const inOrder = [...all.slice(place), ...all.slice(0, place).reverse()].filter((node) => fits(node) && isShown(node));
    return inOrder.find((node) => nameOf(node) === nameOf(lost)) ?? inOrder[0];
  };

  const headingOf = (region) => {
    const heading = region?.querySelector("h2, h3");
    if (heading && isShown(heading)) heading.tabIndex = -1;
    return heading && isShown(heading) ? heading : null;
  };

  const elsewhere = (from) => {
    for (let region = from.closest(REGION); region; region = region.parentElement.closest(REGION)) {
      const heading = headingOf(region);
      if (heading) return heading;
    }
    return ticked && isShown(ticked) ? ticked : document.getElementById("page-title");
  };

  // The element beside a record's place that is still there; others may have gone with it.
  const beside = (record, side, records) => {
    let node = record[side];
    while (node && !(node.isConnected && node.nodeType === Node.ELEMENT_NODE)) {
      const gone = node.isConnected ? node : records.find((other) => [...other.removedNodes].includes(node));
      node = gone?.[side];
    }
    return node;
  };

  const afterRemoval = (record, removed, records) => {
    const place = allIn(removed).indexOf(held);
    const isAlike = (node) => node.tagName === held.tagName && node.className === held.className;
    const drawn = records.filter((other) => other.target === record.target).flatMap((other) => [...other.addedNodes]);
    const [next, former] = ["nextSibling", "previousSibling"].map((side) => beside(record, side, records));
    const anew = drawn.filter((node) => node.nodeType === Node.ELEMENT_NODE && node.isConnected);
    return (
      (next && !anew.includes(next) && like(next, held, place)) ||
      anew.map((node) => like(node, held, place, isAlike)).find(Boolean) ||
      (former && like(former, held, place)) ||
      elsewhere(record.target)
    );
  };

  const afterHiding = (target) => {
    const region = target.parentElement.closest(REGION);
    return (region && like(region, held, allIn(region).indexOf(held))) || elsewhere(target.parentElement);
  };

  // -- noticing --------------------------------------------------------------------------------------------------

  const lose = (records) => {
    for (const record of records) {
      if (record.type === "attributes") {
        if (record.target.hidden && record.target.contains(held)) return afterHiding(record.target);
        continue;
      }
      const removed = [...record.removedNodes].find((node) => node.contains(held));
      if (!removed) continue;
      if (held.isConnected) return held;  // it was moved, which takes the keyboard from it
      if (record.target.parentElement?.matches(".content-frame")) return null;  // another page: its title takes it
      return afterRemoval(record, removed, records);
    }
    return undefined;
  };

  new MutationObserver((records) => {
    const found = held ? lose(records) : undefined;
    if (found !== undefined) [held, isLost] = [found, Boolean(found)];
    if (!isLost || !isNowhere() || document.querySelector(FLOATING)) return;
    isLost = false;
    moved = held;
    held.focus({ preventScroll: true });
  }).observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["hidden"] });

  document.addEventListener("focusin", (event) => note(event.target), true);
  document.addEventListener("click", (event) => {
    ticked = event.target.closest?.(".pick, .pick-page") ?? ticked;
    if (event.target.closest?.(FLOATING)) return;
    if (document.activeElement === document.body) held = null;  // somebody has put the keyboard down
    else note(document.activeElement);
  }, true);

  // -- asked for by the server -----------------------------------------------------------------------------------

  let pressedIn = null;  // the field that had the keyboard when somebody pressed last, and nothing was typed since
  let given = null;  // the one that was given it last, and nothing was typed since
  document.addEventListener("click", (event) => {
    if (!event.target.closest?.(TYPED_IN)) pressedIn = document.activeElement;
  }, true);
  document.addEventListener("keydown", (event) => { if (event.key === "Enter") pressedIn = document.activeElement; }, true);
  document.addEventListener("input", () => { pressedIn = given = null; }, true);
  const isTypedIn = (node) => !isNowhere() && node.matches(TYPED_IN) && node !== pressedIn && node !== given;

  // Told a while after somebody pressed something: who has gone to another field meanwhile stays there.
  window.giveKeyboard = (id) => {
    const component = getElement(id);
    const shown = component?.$refs?.qRef ?? component;
    const root = shown?.$el ?? shown;
    const fields = root ? allIn(root) : [];
    const field = fields.find((node) => node.matches(TYPED_IN)) ?? fields[0];
    if (!field || isTypedIn(document.activeElement)) return;
    given = field;
    field.focus();
  };

  // Whether whoever uses the keyboard would not miss it where it is.
  window.isFocusFree = () => isNowhere() || document.activeElement === moved;
  window.focusIfLost = (id) => setTimeout(() => window.isFocusFree() && getHtmlElement(id)?.focus({ preventScroll: true }), 60);
})();
