"use strict";
(() => {
  const said = document.getElementById("sorted");

  // Blank places stay last in either order; equal ones keep theirs.
  function compare(better, down) {
    return (one, other) => {
      if (better === "text") return (down ? -1 : 1) * one.value.localeCompare(other.value);
      if (one.value === "" || other.value === "") return (one.value === "") - (other.value === "");
      return (down ? -1 : 1) * (Number(one.value) - Number(other.value));
    };
  }

  function sort(table, head) {
    const heads = [...head.parentNode.children];
    const place = heads.indexOf(head);
    const better = head.dataset.better;
    const before = head.getAttribute("aria-sort");
    const down = before ? before === "ascending" : better === "higher";
    heads.forEach((each) => each.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    for (const body of table.tBodies) {
      const rows = [...body.rows].map((row) => ({ row, value: row.cells[place].dataset.value }));
      rows.sort(compare(better, down)).forEach(({ row }) => body.append(row));
    }
    said.textContent = `Sorted by ${head.textContent.trim()}, ${down ? "descending" : "ascending"}`;
  }

  for (const table of document.querySelectorAll("table.sortable")) {
    table.tHead.addEventListener("click", (event) => {
      const head = event.target.closest("th");
      if (head && event.target.closest("button")) sort(table, head);
    });
  }

  const themes = { "": "as the system", light: "light", dark: "dark" };
  const button = document.getElementById("theme");
  const store = {
    get: () => { try { return localStorage.getItem("theme") || ""; } catch { return ""; } },
    set: (theme) => { try { localStorage.setItem("theme", theme); } catch { /* a private window forgets */ } },
  };
  function show(theme) {
    const known = theme in themes ? theme : "";
    if (known) document.documentElement.dataset.theme = known;
    else delete document.documentElement.dataset.theme;
    button.textContent = `Colours: ${themes[known]}`;
    return known;
  }
  let theme = show(store.get());
  button.hidden = false;
  button.addEventListener("click", () => {
    const names = Object.keys(themes);
    theme = show(names[(names.indexOf(theme) + 1) % names.length]);
    store.set(theme);
  });

  // Paper has nothing to press: what is folded away is printed, too.
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    folded.forEach((each) => { each.open = true; });
  });
  addEventListener("afterprint", () => folded.forEach((each) => { each.open = false; }));
})();
