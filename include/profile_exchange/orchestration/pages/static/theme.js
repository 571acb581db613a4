// Airflow keeps light, dark or system under this key of the same origin; without it, the system's.
(() => {
  const follow = () => {
    const theme = localStorage.getItem("theme");
    const chosen = theme === "light" || theme === "dark";
    if (chosen) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
  };
  follow();
  addEventListener("storage", follow);
})();
