"use strict";
(() => {
  const collator = new Intl.Collator("en", { numeric: true });

  // A cell of a column of numbers has its value; without one it comes last, whichever way one sorts.
  function key(cell, number) {
    if (!number) return cell.textContent;
    return cell.dataset.v === undefined ? NaN : Number(cell.dataset.v);
  }

  function compare(a, b, falling) {
    if (typeof a === "string") return (falling ? -1 : 1) * collator.compare(a, b);
    if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b);
    if (a === b) return 0;
    return (falling ? -1 : 1) * (a < b ? -1 : 1);
  }

  for (const table of document.querySelectorAll("table.sortable")) {
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row, index) => ({ row, index }));
    const heads = [...table.tHead.rows[0].cells];
    for (const [at, th] of heads.entries()) {
      const number = th.classList.contains("n");
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = th.textContent;
      button.addEventListener("click", () => {
        const sorted = th.getAttribute("aria-sort");
        const falling = sorted ? sorted === "ascending" : number;
        const list = rows.map((r) => ({ ...r, key: key(r.row.cells[at], number) }));
        list.sort((a, b) => compare(a.key, b.key, falling) || a.index - b.index);
        body.append(...list.map((r) => r.row));
        for (const other of heads) other.removeAttribute("aria-sort");
        th.setAttribute("aria-sort", falling ? "descending" : "ascending");
      });
      th.replaceChildren(button);
    }
  }

  const kinds = {
    all: () => true,
    wrong: (item) => item.right < item.judged,
    differ: (item) => item.right > 0 && item.right < item.judged,
    none: (item) => item.right === 0 && item.judged > 0,
    failed: (item) => item.failed > 0,
  };
  for (const list of document.querySelectorAll(".findings")) {
    const form = list.querySelector("form");
    const items = [...list.querySelectorAll(".item")].map((element) => ({
      element,
      text: element.textContent.toLowerCase(),
      right: Number(element.dataset.right), judged: Number(element.dataset.judged), failed: Number(element.dataset.failed),
    }));
    const filter = () => {
      const words = form.elements.q.value.toLowerCase().split(/\s+/).filter(Boolean);
      const kind = kinds[form.elements.kind.value];
      let shown = 0;
      for (const item of items) {
        const match = kind(item) && words.every((word) => item.text.includes(word));
        item.element.hidden = !match;
        shown += match ? 1 : 0;
      }
      form.querySelector("output").textContent = shown === items.length ? "" : `${shown} of ${items.length}`;
    };
    form.addEventListener("input", filter);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.hidden = false;
  }
})();
