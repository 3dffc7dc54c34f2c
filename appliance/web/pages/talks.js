// The conversations of this tab. Kept for the session only: a handheld is passed on at the end of
// a shift, and what one associate asked is not the next one's to read.

const KEY = "backroom.talks";
const OWNER = "backroom.whose";
const MOST_TALKS = 12;
const MOST_TURNS = 30;

export class Talks {
  constructor() {
    this.all = load();
    this.current = this.all[0] ?? fresh();
  }

  /** Forget the conversations of anyone else who had this tab before. */
  belongTo(whose) {
    try {
      if (sessionStorage.getItem(OWNER) !== whose) this.forget();
      sessionStorage.setItem(OWNER, whose);
    } catch {
      this.forget();
    }
  }

  forget() {
    this.all = [];
    this.start();
    this.save();
  }

  start() {
    this.current = fresh();
  }

  open(talk) {
    this.current = talk;
  }

  /** Keep the current conversation, newest first. */
  keep(talk) {
    this.all = [talk, ...this.all.filter((other) => other !== talk)].slice(0, MOST_TALKS);
    this.save();
  }

  save() {
    const kept = this.all.map((talk) => ({ ...talk, turns: talk.turns.map(saved).filter(Boolean).slice(-MOST_TURNS) }));
    try {
      sessionStorage.setItem(KEY, JSON.stringify(kept.filter((talk) => talk.turns.length)));
    } catch {
      // Full or forbidden: the conversations last until the page is closed.
    }
  }
}

function fresh() {
  return { thread: "", title: "", turns: [] };
}

// Of a turn without an answer, what finds it again; a reload cuts a running one off before this.
function saved(turn) {
  if (turn.reply) return turn;
  return turn.id && !turn.problem?.status ? { id: turn.id, text: turn.text, role: turn.role, sentences: [], isRecalled: true } : null;
}

function load() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY)) ?? [];
  } catch {
    return [];
  }
}
