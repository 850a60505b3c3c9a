// Where ticks and labels of a drawing stand.
// Round ticks, `most` at most or so, and how many decimals they need.
function ticks(low, high, most) {
  const rough = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map(n => n * power).find(n => n >= rough * 0.999);
  const found = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + 1e-9 * step; n++) found.push(n * step);
  return { found, decimals: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) };
}

// Ones, twos and fives of a logarithmic axis, or fewer where there is no room.
function powers(low, high, most) {
  const from = Math.floor(Math.log10(low)), to = Math.ceil(Math.log10(high));
  const all = digits => {
    const found = [];
    for (let power = from; power <= to; power++)
      for (const digit of digits) {
        const value = Number(`${digit}e${power}`);
        if (value >= low * 0.999 && value <= high * 1.001) found.push(value);
      }
    return found;
  };
  return [[1, 2, 5], [1, 3], [1]].map(all).find(found => found.length <= most) ?? all([1]);
}

// Places of labels beside values, at least `gap` apart and moved no further than they must.
function spread(values, gap, low, high) {
  const sorted = values.map((value, i) => ({ value, i })).sort((a, b) => a.value - b.value);
  const blocks = [];
  for (const { value } of sorted) {
    let block = { centre: value, size: 1 };
    while (blocks.length && block.centre - blocks.at(-1).centre < gap * (block.size + blocks.at(-1).size) / 2) {
      const last = blocks.pop(), size = last.size + block.size;
      block = { centre: (last.centre * last.size + block.centre * block.size) / size, size };
    }
    blocks.push(block);
  }
  const found = [];
  let n = 0;
  for (const { centre, size } of blocks) {
    const half = gap * (size - 1) / 2;
    const middle = Math.max(low + half, Math.min(high - half, centre));
    for (let k = 0; k < size; k++) found[sorted[n++].i] = middle - half + gap * k;
  }
  return found;
}
