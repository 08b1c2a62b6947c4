"use strict";
(() => {
  const table = document.getElementById("findings");
  const form = document.getElementById("filter");
  const search = document.getElementById("q");
  const boxes = [...form.elements.verdict ? form.querySelectorAll("[name=verdict]") : []];
  const heads = [...table.querySelectorAll("th")];
  const rows = [...table.tBodies].map((body, index) => ({
    body, index,
    more: body.querySelector(".more"),
    button: body.querySelector("td button"),
    text: body.textContent.toLowerCase(),
    verdict: Number(body.dataset.order),
    p: Number(body.dataset.p),
    level: Number(body.dataset.level),
    rule: body.rows[0].cells[3].textContent,
    place: body.rows[0].cells[4].textContent,
    title: body.rows[0].cells[5].textContent,
  }));
  const collator = new Intl.Collator("en", { numeric: true });
  let key = "", falling = false;

  const compare = (a, b) => typeof a === "number" ? a - b : collator.compare(a, b);

  function sort() {
    const sorted = [...rows];
    if (key) {
      sorted.sort((a, b) => (falling ? -1 : 1) * compare(a[key], b[key]) || a.index - b.index);
    }
    table.append(...sorted.map((row) => row.body));
    for (const th of heads) {
      if (th.dataset.key === key) {
        th.setAttribute("aria-sort", falling ? "descending" : "ascending");
      } else {
        th.removeAttribute("aria-sort");
      }
    }
  }

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const verdicts = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    let shown = 0;
    for (const row of rows) {
      const match = verdicts.has(row.body.dataset.verdict) && words.every((word) => row.text.includes(word));
      row.body.hidden = !match;
      shown += match ? 1 : 0;
    }
    document.getElementById("shown").textContent = shown === rows.length ? "" : `${shown} of ${rows.length}`;
    document.getElementById("none").hidden = shown > 0;
  }

  function open(row, yes) {
    row.more.hidden = !yes;
    row.button.setAttribute("aria-expanded", String(yes));
  }

  // What is shown is in the address, so that a view can be kept and sent.
  function save() {
    const state = new URLSearchParams();
    if (key) state.set("sort", (falling ? "-" : "") + key);
    if (search.value) state.set("q", search.value);
    const hidden = boxes.filter((box) => !box.checked).map((box) => box.value);
    if (hidden.length) state.set("hide", hidden.join(","));
    try {
      history.replaceState(null, "", "#" + state);
    } catch {
      // Some browsers keep no history of local files.
    }
  }

  function load() {
    const state = new URLSearchParams(location.hash.slice(1));
    const by = state.get("sort") || "";
    falling = by.startsWith("-");
    key = heads.some((th) => th.dataset.key === by.replace(/^-/, "")) ? by.replace(/^-/, "") : "";
    search.value = state.get("q") || "";
    const hidden = (state.get("hide") || "").split(",");
    for (const box of boxes) box.checked = !hidden.includes(box.value);
    const at = state.get("open");
    for (const row of rows) open(row, at !== null && Number(at) === row.index);
    sort();
    filter();
  }

  for (const th of heads) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = th.textContent;
    button.addEventListener("click", () => {
      falling = key === th.dataset.key ? !falling : th.dataset.key === "p";
      key = th.dataset.key;
      sort();
      save();
    });
    th.replaceChildren(button);
  }
  for (const row of rows) row.button.addEventListener("click", () => open(row, row.more.hidden));
  form.addEventListener("input", () => { filter(); save(); });
  form.addEventListener("submit", (event) => event.preventDefault());
  window.addEventListener("hashchange", load);
  form.hidden = false;
  load();
})();
