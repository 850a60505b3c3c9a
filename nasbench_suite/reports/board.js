"use strict";
// Tables that are sorted by a column; what is not known comes last either way.
document.documentElement.classList.remove("plain");
document.addEventListener("click", event => {
  const button = event.target.closest("th[data-column] button");
  if (!button) return;
  const head = button.closest("th");
  const table = head.closest("table");
  const column = Number(head.dataset.column);
  const number = head.dataset.kind === "number";
  const before = head.getAttribute("aria-sort");
  const up = before ? before !== "ascending" : true;
  for (const other of table.tHead.querySelectorAll("th[aria-sort]")) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  const key = row => row.children[column].dataset.key;
  const body = table.tBodies[0];
  const rows = [...body.rows];
  rows.sort((one, other) => {
    const [a, b] = [key(one), key(other)];
    if (a === "" || b === "") return (a === "") - (b === "");
    const order = number ? Number(a) - Number(b) : (a > b) - (a < b);
    return up ? order : -order;
  });
  body.append(...rows);
});

// Entries that are not asked for are hidden.
(() => {
  const filter = document.getElementById("filter");
  if (!filter) return;
  const rows = [...document.querySelectorAll("#entries tbody tr")];
  const selects = ["protocol", "whose"].map(id => document.getElementById(id)).filter(Boolean);
  const show = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const there = words.every(word => row.dataset.text.includes(word))
        && selects.every(select => !select.value || row.dataset[select.id] === select.value);
      row.hidden = !there;
      shown += there;
    }
    document.getElementById("count").textContent = `${shown} of ${rows.length} entries`;
  };
  filter.form.addEventListener("submit", event => event.preventDefault());
  filter.addEventListener("input", show);
  for (const select of selects) select.addEventListener("change", show);
  show();
})();
