"use strict";
(function () {
  const form = document.getElementById("filter");
  if (!form) return;
  const cases = Array.from(document.querySelectorAll("#cases figure"));
  const state = document.getElementById("state");
  const least = document.getElementById("least");

  // A missed object has no score, so that a limit on the score says nothing about it.
  function fits(each) {
    const { kind, label, other, score } = each.dataset;
    const classOk = !form.label.value || form.label.value === label || form.label.value === other;
    const kindOk = !form.kind.value || form.kind.value === kind;
    return classOk && kindOk && (score === "" || Number(score) >= Number(form.score.value));
  }

  function show() {
    let count = 0;
    for (const each of cases) {
      each.hidden = !fits(each);
      if (!each.hidden) count += 1;
    }
    least.textContent = Number(form.score.value).toFixed(2);
    state.textContent = count + " of " + cases.length + " shown";
  }

  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  show();
})();
