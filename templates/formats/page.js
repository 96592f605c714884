// What can be done with the page: its steps folded, shown one by one, followed to where their numbers come from, and the
// way of a weight to the loss lit. The page is complete without this; every word comes from its markup.
(() => {
  "use strict";
  const one = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const made = (tag, properties) => Object.assign(document.createElement(tag), properties);
  const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const main = one("main"), tools = one(".tools"), words = tools.dataset;
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const narrow = matchMedia("(max-width: 63.99rem)");
  const show = (element, block = "nearest") => element.scrollIntoView({ block, behavior: still.matches ? "auto" : "smooth" });

  // Steps. Each has a number, s1, s2, ...; its block is what belongs to it: the lines it is worked in, the section of a
  // weight, a row of a table.
  const number = /^s\d+$/;
  const steps = all("[id^=s]", main).filter((element) => number.test(element.id));
  const blockOf = (element) => element.closest(".worked, tr, section.unit[id]") || element.closest("p, li") || element;
  const blocks = [...new Set(steps.map(blockOf))];
  const stepsOf = (block) => [block, ...all("[id^=s]", block)].map((element) => element.id).filter((id) => number.test(id));
  const reading = (element) => {
    const copy = element.cloneNode(true);
    all("annotation, button, .from", copy).forEach((each) => each.remove());
    return copy.textContent.trim();
  };

  // ---- folding

  const folds = new Set();
  const foldable = (block) => block.matches(".worked, section");
  const fold = (block, folded) => {
    block.classList.toggle("folded", folded);
    one(":scope > .fold", block)?.setAttribute("aria-expanded", String(!folded));
  };
  const addFold = (block) => {
    const title = block.firstElementChild;
    const button = made("button", { type: "button", className: "fold" });
    button.setAttribute("aria-expanded", String(!block.classList.contains("folded")));
    button.setAttribute("aria-label", `${words.fold}: ${reading(title).slice(0, 80)}`);
    title.after(button);
  };
  const unfoldTo = (element) => {
    for (let block = element.closest(".folded"); block; block = block.parentElement.closest(".folded")) fold(block, false);
  };
  const toFold = [...all("section", main), ...blocks.filter((block) => block.matches(".worked"))];
  const foldAll = one(".fold-all"), foldAllWord = foldAll.textContent;
  foldAll.addEventListener("click", () => {
    const folded = foldAll.textContent === foldAllWord;
    blocks.filter(foldable).forEach((block) => fold(block, folded));
    foldAll.textContent = folded ? foldAll.dataset.folded : foldAllWord;
  });
  main.addEventListener("click", (event) => {
    const button = event.target.closest(".fold");
    if (button) fold(button.parentElement, button.getAttribute("aria-expanded") === "true");
  });

  // ---- step by step: all that follows the step shown is left out (see .end in the styles)

  const bar = one(".bar"), place = one("output", bar), teach = one(".teach");
  let at = -1;
  const lastOf = (index) => {
    let last = blocks[index];
    const following = blocks[index + 1];
    while (last.nextElementSibling && !last.nextElementSibling.contains(following)) last = last.nextElementSibling;
    return last;
  };
  const go = (index) => {
    at = Math.max(0, Math.min(index, blocks.length - 1));
    all(".end, .now", main).forEach((element) => element.classList.remove("end", "now"));
    const block = blocks[at];
    if (at + 1 < blocks.length)
      for (let element = lastOf(at); element !== main; element = element.parentElement) element.classList.add("end");
    block.classList.add("now");
    unfoldTo(block);
    const title = block.matches("tr") ? "" : ` ${reading(block.firstElementChild || block)}`;
    place.textContent = filled(words.place, { n: stepsOf(block).at(-1).slice(1), count: steps.at(-1).id.slice(1) });
    place.append(made("span", { className: "unseen", textContent: title }));
    one(".previous", bar).disabled = at === 0;
    one(".next", bar).disabled = at === blocks.length - 1;
    show(block, "center");
  };
  const firstInSight = () => {
    let low = 0, high = blocks.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (blocks[middle].getBoundingClientRect().bottom > 0) high = middle;
      else low = middle + 1;
    }
    return low;
  };
  const start = () => {
    const first = firstInSight();
    bar.hidden = false;
    document.body.classList.add("teaching");
    go(first);
    one(".next", bar).focus({ preventScroll: true });
  };
  const end = () => {
    all(".end, .now", main).forEach((element) => element.classList.remove("end", "now"));
    document.body.classList.remove("teaching");
    bar.hidden = true;
    blocks[at].scrollIntoView({ block: "center" });
    at = -1;
    teach.focus({ preventScroll: true });
  };
  const keys = { ArrowRight: 1, PageDown: 1, ArrowLeft: -1, PageUp: -1 };
  teach.hidden = !blocks.length;
  teach.addEventListener("click", start);
  one(".previous", bar).addEventListener("click", () => go(at - 1));
  one(".next", bar).addEventListener("click", () => go(at + 1));
  one(".done", bar).addEventListener("click", end);

  // ---- where a link leads: to a step that is folded or not yet shown, with a way back; in sight it lights up

  const stepOf = (element) => blocks.find((block) => block.contains(element));
  const arrive = () => {
    const target = document.getElementById(location.hash.slice(1));
    if (!target || !main.contains(target)) return;
    unfoldTo(target);
    if (at >= 0 && blocks.includes(blockOf(target))) go(blocks.indexOf(blockOf(target)));
    else target.scrollIntoView();
  };
  addEventListener("hashchange", arrive);
  main.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    const from = link && stepOf(link), target = link && document.getElementById(link.hash.slice(1));
    if (!from || !target || link.matches(".back")) return;
    const block = blockOf(target), id = stepsOf(from).at(-1);
    one(":scope > .back", block)?.remove();
    if (!block.matches("tr"))
      block.append(made("a", { className: "back", href: `#${id}`, textContent: filled(words.back, { n: id.slice(1) }) }));
  });

  const card = made("div", { className: "card", hidden: true });
  card.setAttribute("aria-hidden", "true");
  document.body.append(card);
  const unsighted = (box) => box.bottom < 0 || box.top > innerHeight || !box.height;
  const preview = (link) => {
    const target = document.getElementById(link.hash.slice(1));
    const block = target && blockOf(target);
    if (!block || block.contains(link)) return;
    block.classList.add("lit");
    const lines = all(".equation", block).at(-1) || (block.matches("li") ? block : null);
    if (!lines || !unsighted(block.getBoundingClientRect())) return;
    card.replaceChildren(...[...lines.childNodes].map((node) => node.cloneNode(true)));
    card.hidden = false;
    const box = link.getBoundingClientRect(), size = card.getBoundingClientRect();
    card.style.left = `${Math.max(8, Math.min(box.left, innerWidth - size.width - 8))}px`;
    card.style.top = `${box.top > size.height + 12 ? box.top - size.height - 8 : box.bottom + 8}px`;
  };
  const unpreview = () => (card.hidden = true);

  // ---- the way of a weight: from its line over the neurons it reaches to the loss, and the steps that its row names

  const rows = all("tr[data-name]", main);
  const drawings = all("figure:not([id^='figure-path']) svg", main).filter((drawing) => one(".weight[data-name]", drawing));
  const readouts = drawings.map((drawing) => {
    const readout = made("div", { className: "readout", textContent: words.lighting });
    readout.setAttribute("aria-live", "polite");
    drawing.after(readout);
    return readout;
  });
  let lit = "", pinned = "";
  const unlight = () => {
    all(".lit").forEach((element) => element.classList.remove("lit"));
    drawings.forEach((drawing) => drawing.classList.remove("lighting"));
    lit = "";
  };
  const light = (name) => {
    if (name === lit) return;
    unlight();
    lit = name;
    if (!name) return;
    drawings.forEach((drawing) => lightPath(drawing, name));
    const own = rows.filter((row) => row.dataset.name === name);
    for (const row of own) {
      row.classList.add("lit");
      for (const link of all("a", row)) blockOf(document.getElementById(link.hash.slice(1)) || row).classList.add("lit");
    }
    if (own.length) readouts.forEach((readout) => readout.replaceChildren(...factsOf(own[0])));
  };
  const lightPath = (drawing, name) => {
    const lines = all("[data-to]", drawing), reached = new Set();
    const reach = (line) => {
      line.classList.add("lit");
      if (reached.has(line.dataset.to)) return;
      reached.add(line.dataset.to);
      lines.filter((each) => each.dataset.from === line.dataset.to).forEach(reach);
    };
    const starts = all(".weight", drawing).filter((weight) => weight.dataset.name === name);
    starts.forEach(reach);
    all(".neuron, .loss", drawing).filter((each) => reached.has(each.dataset.name)).forEach((each) => each.classList.add("lit"));
    drawing.classList.toggle("lighting", starts.length > 0);
  };
  const factsOf = (row) => {
    const heads = all("thead th", row.closest("table"));
    return [...row.cells].map((cell, k) => {
      const fact = made("span", { className: "fact" });
      const content = [...cell.childNodes].map((node) => node.cloneNode(true));
      if (k) fact.append(made("b", { textContent: heads[k].textContent }), " ");
      fact.append(...content);
      return fact;
    });
  };
  const nameAt = (element) => element.closest("figure:not([id^='figure-path']) .weight, tr[data-name]")?.dataset.name || "";
  const press = (name) => {
    pinned = pinned === name ? "" : name;
    all(".weight[tabindex]").forEach((weight) => weight.setAttribute("aria-pressed", String(weight.dataset.name === pinned)));
    light(pinned || name);
  };
  for (const drawing of drawings) {
    drawing.setAttribute("role", "group");
    const weights = all(".weight[data-name]", drawing);
    weights.forEach((weight, k) => {
      for (const [name, value] of [["tabindex", k ? -1 : 0], ["role", "button"], ["aria-label", weight.dataset.name], ["aria-pressed", "false"]])
        weight.setAttribute(name, value);
      for (const path of all("path, line, polyline", weight)) {
        const wide = path.cloneNode();
        wide.setAttribute("class", "hit");
        path.after(wide);
      }
    });
    drawing.addEventListener("keydown", (event) => {
      const k = weights.indexOf(document.activeElement);
      const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (k < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
      if (event.key === "Enter" || event.key === " ") press(weights[k].dataset.name);
      else if (by) {
        const next = weights[(k + by + weights.length) % weights.length];
        weights[k].setAttribute("tabindex", -1);
        next.setAttribute("tabindex", 0);
        next.focus();
      } else return;
      event.preventDefault();
      event.stopPropagation();
    });
  }

  // ---- pointer, focus and keys

  const noticed = (target) => {
    unpreview();
    if (card.contains(target)) return;
    const name = nameAt(target) || pinned;
    if (name !== lit || !name) light(name);
    const link = target.closest("main a[href^='#']:not(.back)");
    if (link) preview(link);
  };
  addEventListener("pointerover", (event) => event.pointerType === "mouse" && event.target.closest && noticed(event.target));
  addEventListener("focusin", (event) => event.target.matches(":focus-visible") && noticed(event.target));
  addEventListener("scroll", unpreview, { passive: true });
  addEventListener("click", (event) => {
    const weight = event.target.closest(".weight[data-name], tr[data-name]");
    if (weight && !event.target.closest("a")) press(weight.dataset.name);
    else if (pinned && !event.target.closest(".readout, a, button")) press(pinned), light("");
  });
  addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (event.key === "Escape") {
      if (!card.hidden) unpreview();
      else if (at >= 0) end();
      else (pinned = ""), light("");
    } else if (at >= 0 && keys[event.key] && !event.target.closest("[data-scrolls]")) {
      go(at + keys[event.key]);
      event.preventDefault();
    }
  });

  // ---- what is wider than its place can be scrolled by keys, and says so; buttons to fold come where they are seen

  const wide = ".equation, .table, figure, main p, main li, main :is(h2, h3, h4)";
  const measured = (element) => {
    const over = element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).overflowX === "auto";
    if (over === "scrolls" in element.dataset) return;
    const said = element.matches("div") ? [["role", "group"], ["aria-label", words.wide]] : [["aria-description", words.wide]];
    for (const [name, value] of [["data-scrolls", ""], ["tabindex", "0"], ...said])
      if (over) element.setAttribute(name, value);
      else element.removeAttribute(name);
  };
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      if (entry.target.matches(wide)) measured(entry.target);
      if (folds.delete(entry.target)) addFold(entry.target), seen.unobserve(entry.target);
    }
  }, { rootMargin: "200px" });
  toFold.forEach((block) => folds.add(block));
  [...toFold, ...all(wide)].forEach((element) => seen.observe(element));
  addEventListener("resize", () => all("[data-scrolls]").forEach(measured));

  // ---- the contents, and light or dark

  const contents = one("nav details");
  const fit = () => (contents.open = !narrow.matches);
  fit();
  narrow.addEventListener("change", fit);
  contents.addEventListener("click", (event) => event.target.closest("a") && fit());
  const sections = all("main > section");
  const current = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const link = one(`nav a[href="#${target.id}"]`);
      if (isIntersecting) link?.setAttribute("aria-current", "true");
      else link?.removeAttribute("aria-current");
    }
  }, { rootMargin: "-30% 0px -69% 0px" });
  sections.forEach((section) => current.observe(section));
  one(".theme").addEventListener("click", () => {
    const root = document.documentElement.style, dark = matchMedia("(prefers-color-scheme: dark)").matches;
    root.colorScheme = root.colorScheme ? (root.colorScheme === "dark" ? "light" : "dark") : dark ? "light" : "dark";
  });

  tools.hidden = false;
  if (location.hash) arrive();
})();
