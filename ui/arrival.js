// Where the keyboard and a screen reader stand once another page is shown.
(() => {
  const isAsked = () => document.querySelector(".q-dialog--modal, dialog[open]");
  const FRAMES = 90;  // what is to be found may be drawn a moment later

  // Another page: its title takes the focus, and so is told, unless something there has it already.
  window.arrive = () => {
    requestAnimationFrame(() => {
      const active = document.activeElement;
      if (!isAsked() && !active?.closest(".content-frame")) document.getElementById("page-title")?.focus({ preventScroll: true });
    });
  };

  // A part of a page that is named in the address.
  window.showSection = (name, frames = FRAMES) => {
    const sections = [...document.querySelectorAll(".content section[aria-label]")];
    const section = sections.find((node) => node.ariaLabel.toLowerCase().replaceAll(" ", "-") === name);
    if (!section) return frames && requestAnimationFrame(() => window.showSection(name, frames - 1));
    const heading = section.querySelector("h2") ?? section;
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
    section.scrollIntoView({ block: "start" });
  };

  document.addEventListener("DOMContentLoaded", () => {
    if (location.hash) window.showSection(location.hash.slice(1));
  });
})();
