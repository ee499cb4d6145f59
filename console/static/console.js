// What makes the pages quicker to use. Everything works without it.
"use strict";

// In a list whose rows have a link marked data-open, j and k walk, and Enter opens as ever.
const inText = (element) => element.closest("input, textarea, select, [contenteditable]");

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || inText(event.target)) return;
  const links = [...document.querySelectorAll("a[data-open]")];
  const at = links.indexOf(document.activeElement);
  if (event.key === "j" && links.length) links[Math.min(at + 1, links.length - 1)].focus();
  if (event.key === "k" && links.length) links[Math.max(at - 1, 0)].focus();
  // Any other key is that of a button or link which names it: data-key="a".
  const named = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (named && event.key !== "j" && event.key !== "k") {
    event.preventDefault();
    named.closest("details")?.setAttribute("open", "");
    named.focus();
  }
});

// What copies says so: data-copy holds the id of what is copied.
document.querySelectorAll("[data-copy]").forEach((button) => {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    document.querySelector(".said").textContent = "Copied.";
  });
});
