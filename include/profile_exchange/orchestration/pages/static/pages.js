// Inside Airflow's frame a link to Airflow itself has to open around the frame, not in it. The
// frame may not navigate what is around it; a link of the surrounding page may.
(() => {
  if (window.parent === window) return;
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-airflow]");
    if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey) return;
    const around = window.parent.document;
    const outside = around.createElement("a");
    outside.href = link.href;
    around.body.append(outside);
    event.preventDefault();
    outside.click();
    outside.remove();
  });
})();
