"use strict";
(() => {
  // The map is one stop of the Tab key, once it has the focus; arrows go from square to square.
  const map = document.getElementById("map");
  let squares = [];
  let current;
  const group = square => square.parentElement;
  const take = square => {
    if (squares.length) {
      current.tabIndex = -1;
    } else {
      squares = [...map.querySelectorAll("a[href]")];
      for (const one of squares) one.tabIndex = -1;
    }
    current = square;
    current.tabIndex = 0;
  };
  map.addEventListener("focusin", event => {
    const square = event.target.closest("a");
    if (square && square !== current) take(square);
  });
  const go = square => {
    if (square) square.focus();
  };
  const aside = (square, step) => {
    let row = group(square);
    const at = [...row.querySelectorAll("a")].indexOf(square);
    do row = row[step]; while (row && !row.querySelector("a"));
    const there = row && row.querySelectorAll("a");
    return there && there[Math.min(at, there.length - 1)];
  };
  const odd = (square, step) => {
    const from = squares.indexOf(square);
    for (let at = from + step; squares[at]; at += step)
      if (squares[at].matches(".alarm, .warning, .notice")) return squares[at];
  };
  map.addEventListener("keydown", event => {
    const square = event.target.closest("a");
    if (!square) return;
    const moves = {
      ArrowRight: () => squares[squares.indexOf(square) + 1],
      ArrowLeft: () => squares[squares.indexOf(square) - 1],
      ArrowDown: () => aside(square, "nextElementSibling"),
      ArrowUp: () => aside(square, "previousElementSibling"),
      Home: () => squares[0],
      End: () => squares[squares.length - 1],
      n: () => odd(square, 1),
      p: () => odd(square, -1),
    };
    const move = moves[event.key];
    if (!move || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    go(move());
  });
  // Printed, everything is open, in browsers that do not go by the style sheet too.
  addEventListener("beforeprint", () => {
    for (const part of document.querySelectorAll("details")) part.open = true;
  });
})();
