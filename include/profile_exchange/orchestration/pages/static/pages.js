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

// What takes long to count is counted when somebody asks, and shown where they asked.
(() => {
  const fetched = async (address) => {
    const answer = await fetch(address, { credentials: "same-origin" });
    if (!answer.ok || answer.redirected) throw new Error(answer.statusText);
    return new DOMParser().parseFromString(await answer.text(), "text/html");
  };

  document.addEventListener("click", async (event) => {
    const link = event.target.closest("a[data-into]");
    if (!link) return;
    event.preventDefault();
    const place = document.getElementById(link.dataset.into);
    place.setAttribute("aria-busy", "true");
    try {
      place.replaceWith((await fetched(link.href)).getElementById(link.dataset.into));
    } catch {
      location.assign(link.href);
    }
  });

  // While a run is going, its page follows it; what a reader has opened stays open, and the page
  // stands still while somebody is inside of it with the keyboard.
  const SECONDS = 2;
  const follow = async () => {
    const shown = document.getElementById("live");
    if (!shown?.hasAttribute("data-live")) return;
    const busy = shown.contains(document.activeElement) || document.hidden;
    if (!busy) {
      try {
        const fresh = (await fetched(location.pathname)).getElementById("live");
        const opened = [...shown.querySelectorAll("details")].map((each) => each.open);
        [...fresh.querySelectorAll("details")].forEach((each, n) => (each.open = opened[n] ?? false));
        shown.replaceWith(fresh);
      } catch {
        return;
      }
    }
    setTimeout(follow, SECONDS * 1000);
  };
  setTimeout(follow, SECONDS * 1000);
})();
