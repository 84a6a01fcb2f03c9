// Keeps the page up to date, says how long ago things were, and picks a moment on the restore window.
// Without it the page shows the same, as of when it was loaded.
(() => {
  "use strict";
  const base = document.body.dataset.base;
  const view = document.body.dataset.view;

  // A layout of the app's has to say both, and the page about a code has nothing that changes.
  const isLive = base !== undefined && view !== undefined && document.getElementById("s-summary") !== null;
  const query = view ? "?view=" + encodeURIComponent(view) : "";
  const byId = id => document.getElementById(id);
  document.documentElement.classList.add("js");

  // ---- Times: "12 s ago".
  const age = seconds =>
    seconds < 120 ? Math.max(0, Math.round(seconds)) + " s"
    : seconds < 7200 ? Math.round(seconds / 60) + " min"
    : seconds < 172800 ? Math.round(seconds / 3600) + " h"
    : Math.round(seconds / 86400) + " d";
  let skew = 0; // What the clock of this machine lacks of the app's, in milliseconds.
  const tell = () => {
    for (const time of document.querySelectorAll("time[data-age]")) {
      const text = age((Date.now() + skew - Date.parse(time.dateTime)) / 1000) + " ago";
      if (time.textContent !== text) time.textContent = text;
    }
  };

  // ---- What is said to the reader. A layout of the app's may have no place for it.
  const placeFor = (id, role) => {
    if (!byId(id)) {
      const place = document.createElement("p");
      place.id = id;
      place.setAttribute("role", role);
      document.body.prepend(place);
    }
    return byId(id);
  };
  const say = text => {
    const live = placeFor("live", "status");
    if (live.textContent !== text) live.textContent = text;
  };
  const warn = text => { placeFor("said", "alert").textContent = text; };

  // What the page shows may be wrong by now.
  const outdate = why => {
    say(why);
    document.documentElement.classList.add("stale");
    const asof = byId("asof");
    if (asof) asof.hidden = false;
    const summary = byId("s-summary");
    let line = summary.querySelector(".outdated");
    if (!line) {
      line = document.createElement("p");
      line.className = "outdated";
      summary.append(line);
    }
    const text = why + (asof ? " " + asof.textContent + "." : "");
    if (line.textContent !== text) line.textContent = text;
  };

  // ---- Changes of the page. What is open, scrolled or in focus stays so.
  const reachable = "a, button, input, summary, [tabindex]";

  // Where the focus is: the nearest element with an id, and the number of the control in it.
  const placeOf = element => {
    const holder = element.closest("[id]");
    return { id: holder.id, number: [...holder.querySelectorAll(reachable)].indexOf(element) };
  };
  const focusAt = place => {
    const holder = byId(place.id);
    if (!holder) return;
    const element = place.number < 0 ? holder : holder.querySelectorAll(reachable)[place.number];
    if (element && element !== document.activeElement) element.focus({ preventScroll: true });
  };

  // A form that somebody types in stays as it is until that is over. All else in its section goes on, unless a
  // component of the app's has the form somewhere else in it.
  const waiting = new Map();
  const isTyped = element => {
    const active = document.activeElement;
    return active && active.matches("input") && element.contains(active);
  };
  const typedForm = section => [...section.children].find(one => one.matches("form[id]") && isTyped(one));

  // The element never leaves the document: it would lose the focus.
  const replaceAround = (form, content, place) => {
    while (form.previousSibling) form.previousSibling.remove();
    while (form.nextSibling) form.nextSibling.remove();
    const nodes = [...content.childNodes];
    form.before(...nodes.slice(0, nodes.indexOf(place)));
    form.after(...nodes.slice(nodes.indexOf(place) + 1));
  };
  const replaceWaiting = () => {
    arrangeDetails();
    for (const [id, html] of [...waiting]) {
      const section = byId(id);
      if (!section) waiting.delete(id); else if (!isTyped(section)) replace(id, html);
    }
    tell();
    preview();
  };

  // A button that is replaced between pressing and releasing gets no click: nothing changes until then, for 5 s at
  // most, because not every release is reported.
  let pressedAt = 0;
  const held = [];
  const isPressed = () => Date.now() - pressedAt < 5000;
  const release = () => {
    if (isPressed()) return;
    for (const changes of held.splice(0)) apply(changes);
    replaceWaiting();
  };
  document.addEventListener("pointerdown", event => { if (event.button === 0) pressedAt = Date.now(); }, true);
  for (const name of ["pointerup", "pointercancel", "dragend"])
    document.addEventListener(name, () => setTimeout(() => { pressedAt = 0; release(); }, 0), true);
  document.addEventListener("focusout", () => setTimeout(release, 0));

  const replace = (id, html) => {
    const old = byId(id);
    if (!old) return;
    const content = contentOf(html);
    const form = typedForm(old);
    const formPlace = form && [...content.children].find(one => one.id === form.id);
    if (isTyped(old) && (!form || formPlace)) waiting.set(id, html); else waiting.delete(id);
    if (isTyped(old) && !form) return;
    const isKept = element => Boolean(formPlace) && form.contains(element);
    const open = [...old.querySelectorAll("details[id]")].filter(one => one.open).map(one => one.id);
    const values = [...old.querySelectorAll("input[data-touched]")]
      .filter(one => !isKept(one)).map(one => [one.id, one.value]);
    const scrolled = [...old.querySelectorAll(".log, pre, .scroll")].map(one => [one.scrollLeft, one.scrollTop]);
    const place = old.contains(document.activeElement) ? placeOf(document.activeElement) : null;
    let now = old;
    if (formPlace) {
      replaceAround(form, content, formPlace);
    } else if (id.startsWith("row-")) {
      now = content.firstElementChild;
      old.replaceWith(now);
    } else {
      old.replaceChildren(content);
    }
    for (const key of open) if (byId(key)) byId(key).open = true;
    for (const [key, value] of values) if (byId(key)) { byId(key).value = value; byId(key).dataset.touched = "1"; }
    [...now.querySelectorAll(".log, pre, .scroll")].forEach((one, i) => {
      if (scrolled[i]) [one.scrollLeft, one.scrollTop] = scrolled[i];
    });
    if (place) focusAt(place);
  };
  const contentOf = html => {
    const holder = document.createElement("template");
    holder.innerHTML = html;
    return holder.content;
  };
  const arrange = order => {
    const rows = byId("rows");
    if (order === null || !rows) return;
    const ids = order.split(" ").filter(id => id);
    const place = rows.contains(document.activeElement) ? placeOf(document.activeElement) : null;
    for (const row of [...rows.children]) if (!ids.includes(row.id)) row.remove();
    ids.forEach((id, i) => {
      const row = byId(id);
      if (row && rows.children[i] !== row) rows.insertBefore(row, rows.children[i] || null);
    });
    if (place) focusAt(place);
  };

  // The database with the most trouble comes first here too. One that somebody types in keeps the focus: all wait.
  let details = [];
  const arrangeDetails = () => {
    const sections = [...document.querySelectorAll("section.database")];
    if (sections.length !== details.length || sections.some(isTyped)) return;
    if (sections.every((one, i) => one.id === details[i])) return;
    const active = document.activeElement;
    const place = sections.some(one => one.contains(active)) ? placeOf(active) : null;
    const end = document.createComment("");
    sections[sections.length - 1].after(end);
    end.before(...details.map(byId));
    end.remove();
    if (place) focusAt(place);
  };

  const take = changes => {
    skew = changes.at - Date.now();
    if (isPressed()) held.push(changes); else apply(changes);
  };
  const apply = changes => {
    // Other databases are shown in full than when the page was loaded.
    const shown = [...document.querySelectorAll("section.database")].map(one => one.id).sort().join(" ");
    details = changes.details.split(" ").filter(id => id);
    if (shown !== [...details].sort().join(" ")) { location.reload(); return; }
    const rows = byId("rows");
    for (const [id, html] of Object.entries(changes.parts)) {
      if (id.startsWith("row-") && rows && !byId(id)) rows.append(contentOf(html)); else replace(id, html);
    }
    arrange(changes.order);
    arrangeDetails();
    const asof = byId("asof");
    if (asof) [asof.hidden, asof.textContent] = [true, "As of " + changes.asOf];
    document.documentElement.classList.remove("stale");
    for (const line of document.querySelectorAll(".outdated")) line.remove();
    filter();
    tell();
    preview();
  };

  // ---- Where the changes come from: an event stream, or a request every 5 s where that does not pass.
  let events = null;
  let polling = null;
  let heardAt = 0;
  let patience = 0;
  let asked = 0;
  let taken = 0;
  const poll = async () => {
    const number = ++asked;

    // What was asked for or sent later is already there.
    const isLate = () => number < taken;
    try {
      const answer = await fetch(base + "/parts" + query, {
        headers: { Accept: "application/json" }, signal: AbortSignal.timeout(10000) });
      const isRefused = !answer.ok || answer.redirected;
      const changes = isRefused ? null : await answer.json();
      if (isLate()) return;
      if (isRefused) { outdate("Not up to date: reload the page."); return; }
      taken = number;
      take(changes);
      if (polling !== null) say("Updated every 5 s.");
    } catch {
      if (!isLate()) outdate("Not up to date: the app does not answer.");
    }
  };
  const listen = () => {
    if (events || document.hidden || !isLive) return;
    events = new EventSource(base + "/events" + query);
    heardAt = Date.now();

    // The first message comes at once, unless something on the way keeps it.
    patience = 10000;
    events.onmessage = event => {
      heardAt = Date.now();
      patience = 40000;
      clearInterval(polling);
      polling = null;
      taken = ++asked;
      take(JSON.parse(event.data));
      say("Live.");
    };
    events.addEventListener("alive", () => { heardAt = Date.now(); });
    events.addEventListener("gone", () => { close(); outdate("This database is not replicated any more."); });
    events.onerror = () => {
      // The browser tries again by itself, unless the answer was no event stream. A stream also ends because it is
      // old: a poll tells that from an app that is gone.
      if (events && events.readyState === EventSource.CLOSED) fallBack(); else poll();
    };
  };
  const close = () => { if (events) events.close(); events = null; };
  const fallBack = () => {
    close();
    if (polling === null) polling = setInterval(poll, 5000);
    poll();
    setTimeout(listen, 60000);
  };

  // A stream that is silent for too long has ended without a word, or does not pass.
  setInterval(() => {
    if (events && Date.now() - heardAt > patience) fallBack();
  }, 5000);

  // A browser has few connections to one host: a page that is not seen gives its own back.
  document.addEventListener("visibilitychange", () => {
    if (!isLive) return;
    if (document.hidden) { close(); clearInterval(polling); polling = null; } else { poll(); listen(); }
  });

  // ---- Filter without a request.
  const filter = () => {
    const box = byId("filter");
    if (!box) return;
    const text = box.value.toLowerCase();
    for (const row of document.querySelectorAll("#rows > li"))
      row.hidden = !row.dataset.name.toLowerCase().includes(text);
  };

  // ---- The restore window.
  const pad = number => String(number).padStart(2, "0");
  const inputsOf = part => [part.querySelector("[type=datetime-local]"), part.querySelector("[type=range]")];
  const preview = () => {
    for (const part of document.querySelectorAll(".restore")) {
      const [moment, range] = inputsOf(part);
      const moments = part.dataset.moments ? part.dataset.moments.split(" ").map(Number) : [];
      const output = part.querySelector("output");
      if (!output) continue;
      if (!moment.value) { output.textContent = "Restores the newest backup."; continue; }
      const offset = offsetOf(moment, range);
      const wanted = Date.parse(moment.value + "Z") / 1000 - offset;

      // The backup's moments are whole seconds of something up to a second later.
      const found = moments.filter(one => one + 1 <= wanted).pop();
      output.textContent =
        wanted < Number(range.min) ? "There is no backup of this moment."
        : found !== undefined ? "Restores the state of " + textOf(found + offset).replace("T", " ") + "."
        : moments.length === 0
          ? "Restores the state of " + textOf(Math.min(wanted, Number(range.max)) + offset).replace("T", " ") + "."
        : "Restores the last state before " + moment.value.replace("T", " ") + " that the backup has.";
    }
  };
  // Seconds between the time zone of the page and UTC, from the end of the window, which is there in both.
  const offsetOf = (moment, range) => Date.parse(moment.max + "Z") / 1000 - Number(range.max);
  const textOf = seconds => {
    const at = new Date(seconds * 1000);
    return at.getUTCFullYear() + "-" + pad(at.getUTCMonth() + 1) + "-" + pad(at.getUTCDate()) + "T"
      + pad(at.getUTCHours()) + ":" + pad(at.getUTCMinutes()) + ":" + pad(at.getUTCSeconds());
  };
  document.addEventListener("input", event => {
    const target = event.target;
    if (target.id === "filter") { filter(); return; }
    const part = target.closest(".restore");
    if (!part) return;
    const [moment, range] = inputsOf(part);
    moment.dataset.touched = "1";
    if (!range) return;
    if (target === range) moment.value = textOf(Number(range.value) + offsetOf(moment, range));
    else if (moment.value) range.value = Date.parse(moment.value + "Z") / 1000 - offsetOf(moment, range);
    range.dataset.touched = "1";
    preview();
  });

  // ---- Actions without leaving the page.
  document.addEventListener("submit", async event => {
    const form = event.target;
    if (!isLive || !form.matches("form[data-action]")) return;
    event.preventDefault();
    if (form.dataset.busy) return;
    form.dataset.busy = "1";
    warn("");
    try {
      const answer = await fetch(form.action, {
        method: "POST", body: new URLSearchParams(new FormData(form)), redirect: "manual",
        headers: { "X-Requested-With": "XMLHttpRequest" } });
      if (answer.status === 204) {
        if (!events) await poll();
        const actions = byId("s-actions");
        if (actions) actions.scrollIntoView({ block: "nearest" });
      } else if ((answer.headers.get("Content-Type") || "").startsWith("text/plain")) {
        warn("Not started. " + await answer.text());
      } else {
        // The app's login, most likely.
        warn("Not started: sign in again, then reload the page.");
      }
    } catch { warn("Not started: the app does not answer."); }
    delete form.dataset.busy;
  });
  document.addEventListener("click", async event => {
    const id = event.target.dataset && event.target.dataset.copy;
    if (!id) return;
    try { await navigator.clipboard.writeText(byId(id).textContent); warn("Copied."); }
    catch { getSelection().selectAllChildren(byId(id)); warn("Selected: copy it with the keyboard."); }
  });

  tell();
  preview();
  filter();
  setInterval(() => { tell(); release(); }, 1000);
  listen();
})();
