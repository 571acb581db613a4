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

const fetched = async (address) => {
  const answer = await fetch(address, { credentials: "same-origin" });
  if (!answer.ok || answer.redirected) throw new Error(answer.statusText);
  return new DOMParser().parseFromString(await answer.text(), "text/html");
};

// A moment is shown in the reader's own time zone, unless its page has one.
const putIntoTheReadersZone = (within) => {
  const written = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "short" });
  const named = new Intl.DateTimeFormat("en-GB", { timeZoneName: "short" });
  for (const each of within.querySelectorAll("time[data-here]")) {
    const moment = new Date(each.dateTime);
    const zone = named.formatToParts(moment).find((part) => part.type === "timeZoneName");
    each.textContent = `${written.format(moment)} ${zone.value}`;
  }
};
putIntoTheReadersZone(document);

// What takes long to count is counted when somebody asks, and shown where they asked.
(() => {
  document.addEventListener("click", async (event) => {
    const link = event.target.closest("a[data-into]");
    if (!link) return;
    event.preventDefault();
    const place = document.getElementById(link.dataset.into);
    place.setAttribute("aria-busy", "true");
    try {
      const fresh = (await fetched(link.href)).getElementById(link.dataset.into);
      putIntoTheReadersZone(fresh);
      place.replaceWith(fresh);
    } catch {
      location.assign(link.href);
    }
  });
})();

// While a run is going, its page follows it: often when something has just happened, ever more
// seldom while nothing does. What a reader has opened, ticked or gone to with the keyboard stays.
(() => {
  const SOONEST = 2, LATEST = 30; // seconds
  const QUIET_SHARE = 0.25; // of the time that nothing has happened in
  const TOLD_FOR = 8; // seconds that it stays to be read what an action has done
  const WRITING = "input:not([type=checkbox]), select, textarea";
  const began = Date.now();
  let changed = began, wait = SOONEST;

  const live = () => document.getElementById("live");

  // Everything that the query asks for, and for a while what was done.
  const address = () => {
    const query = new URLSearchParams(location.search);
    if (Date.now() - began > TOLD_FOR * 1000) query.delete("done");
    return `${live().dataset.address}?${query}`;
  };

  // Where something is: in which part with a key, and the how manieth of its kind and words there.
  const alike = (each, within) =>
    [...within.querySelectorAll(each.tagName)].filter(
      (other) => other.textContent === each.textContent && other.name === each.name,
    );
  const partOf = (key, within) =>
    (key && within.querySelector(`[data-key="${CSS.escape(key)}"]`)) || within;
  const placed = (each, within) => {
    const key = each.closest("[data-key]")?.dataset.key;
    return { each, key, number: alike(each, partOf(key, within)).indexOf(each) };
  };
  const found = ({ each, key, number }, within) => alike(each, partOf(key, within))[number];

  const keep = (shown, fresh) => {
    for (const part of shown.querySelectorAll("details[data-key]")) {
      const same = fresh.querySelector(`details[data-key="${CSS.escape(part.dataset.key)}"]`);
      if (same) same.open = part.open;
    }
    for (const box of shown.querySelectorAll("input[type=checkbox]:checked")) {
      const same = fresh.querySelector(`input[value="${CSS.escape(box.value)}"]`);
      if (same) same.checked = true;
    }
  };

  const put = (fresh) => {
    const shown = live();
    const active = document.activeElement;
    const place = shown.contains(active) && placed(active, shown);
    if (fresh.dataset.live !== shown.dataset.live) changed = Date.now();
    putIntoTheReadersZone(fresh);
    keep(shown, fresh);
    shown.replaceWith(fresh);
    if (place) (found(place, fresh) ?? document.getElementById("main")).focus({ preventScroll: true });
  };

  const refresh = async () => {
    const fresh = (await fetched(address())).getElementById("live");
    if (fresh) put(fresh);
    else location.assign(live().dataset.address); // its file is gone, or has mistakes
  };

  const follow = async () => {
    if (!live()?.hasAttribute("data-live")) return;
    const stands = document.hidden || live().contains(document.activeElement?.closest(WRITING));
    if (!stands) {
      const lost = document.getElementById("unfollowed");
      try {
        await refresh();
        lost.hidden = true;
        const quiet = (Date.now() - changed) / 1000;
        wait = Math.min(LATEST, Math.max(SOONEST, quiet * QUIET_SHARE));
      } catch {
        lost.hidden = false;
        wait = Math.min(LATEST, wait * 2);
      }
    }
    setTimeout(follow, (stands ? SOONEST : wait) * 1000);
  };
  setTimeout(follow, SOONEST * 1000);
})();
