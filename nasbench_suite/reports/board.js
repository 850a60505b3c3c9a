"use strict";
// Sorts a table by a column; what is not known comes last either way.
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const head = button.closest("th");
    const table = head.closest("table");
    const column = [...head.parentNode.children].indexOf(head);
    const up = head.getAttribute("aria-sort") !== "ascending";
    for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const number = head.dataset.kind === "number";
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
}
