// What axe-core does not measure. Gives a list of what is not good.
function measure(width) {
  const found = [];
  const visible = e => { const r = e.getBoundingClientRect(); return r.width > 1 && r.height > 1 && getComputedStyle(e).visibility !== 'hidden'; };
  const name = e => (e.outerHTML || '').slice(0, 110);
  const root = document.documentElement;
  if (root.scrollWidth > width) found.push('scrolls sideways: ' + root.scrollWidth);
  if (document.querySelectorAll('h1').length !== 1) found.push('has not one h1');
  if (!document.title.trim() || document.title.trim().startsWith('–')) found.push('has no title');
  if (document.querySelector('script,[style],style')) found.push('has a script or a style of its own');
  for (const e of document.querySelectorAll('p,li,dd,h1,h2,h3,td')) {
    const text = e.textContent.trim();
    if (text.length > 24 && visible(e) && !e.closest('.hidden') && e.getBoundingClientRect().width < 6 * parseFloat(getComputedStyle(e).fontSize))
      found.push('too narrow to read: ' + name(e));
  }
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement;
    if (!visible(parent) || parent.closest('.code,code,.hidden,[href^="mailto:"]')) continue;
    for (const word of node.data.matchAll(/[\p{L}\p{N}’'.]+/gu)) {
      const range = document.createRange();
      range.setStart(node, word.index); range.setEnd(node, word.index + word[0].length);
      const tops = new Set([...range.getClientRects()].filter(r => r.width > 0).map(r => Math.round(r.top)));
      if (tops.size > 1) found.push('breaks a word: ' + word[0]);
      if (range.getBoundingClientRect().right > width + 1 && !parent.closest('.table')) found.push('word sticks out: ' + word[0]);
    }
    const box = parent.getBoundingClientRect();
    if (box.right > width + 1 && !parent.closest('.table')) found.push('sticks out: ' + name(parent));
  }
  for (const e of document.querySelectorAll('a,button,input:not([type=hidden]),select,textarea,summary,.option label')) {
    if (!visible(e) || e.closest('.hidden') || e.classList.contains('skip')) continue;
    if (e.matches('a') && getComputedStyle(e).display === 'inline') continue; // a word in a sentence
    if (e.matches('[type=radio],[type=checkbox]')) continue; // its label is the target
    const r = e.getBoundingClientRect();
    if (r.height < 43.9 || r.width < 24) found.push('small target ' + Math.round(r.width) + '×' + Math.round(r.height) + ': ' + name(e));
  }
  for (const group of document.querySelectorAll('.options')) {
    const labels = [...group.querySelectorAll('.option label')];
    const boxes = labels.map(l => l.getBoundingClientRect());
    for (const b of boxes)
      if (Math.abs(b.width - boxes[0].width) > 1 || Math.abs(b.height - boxes[0].height) > 1) found.push('answers of another size: ' + name(group));
    const unchosen = labels.filter(l => !l.previousElementSibling.checked);
    const looks = new Set(unchosen.map(l => { const s = getComputedStyle(l); return [s.color, s.backgroundColor, s.borderColor, s.fontSize, s.fontWeight].join(); }));
    if (looks.size > 1) found.push('answers that look different: ' + name(group));
  }
  for (const group of document.querySelectorAll('.buttons.equal')) {
    const buttons = [...group.querySelectorAll('.button')];
    const boxes = buttons.map(b => b.getBoundingClientRect());
    for (const b of boxes)
      if (Math.abs(b.width - boxes[0].width) > 1 || Math.abs(b.height - boxes[0].height) > 1) found.push('buttons of another size: ' + name(group));
    const looks = new Set(buttons.map(b => { const s = getComputedStyle(b); return [s.color, s.backgroundColor, s.borderColor, s.fontSize].join(); }));
    if (looks.size > 1) found.push('buttons that look different: ' + name(group));
  }
  return found;
}
