// Words into lines of at most `wide` characters each; at most `most` lines, the last one cut.

export function wrapped(text, wide, most = 2) {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1);
    if (!line) lines[lines.length - 1] = word;
    else if (line.length + 1 + word.length <= wide) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  const cut = (line) => (line.length > wide ? `${line.slice(0, Math.max(1, wide - 1))}…` : line);
  if (lines.length > most) lines.splice(most - 1, lines.length, lines.slice(most - 1).join(" "));
  return lines.map(cut);
}
