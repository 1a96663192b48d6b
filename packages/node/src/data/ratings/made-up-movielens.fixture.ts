/** Archives in the layout of MovieLens 1M, which may not be passed on, of simulated ratings. */
import { random } from "@innerloop/core";
import { preferences } from "@innerloop/core/tasks";
import { madeUpZip } from "../formats/made-up-archive.fixture.js";

const genres = [
  ...["Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy"],
  ...["Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western"],
];
const ages = [1, 18, 25, 35, 45, 50, 56];
/** Users of every second number have as many ratings at most: of MovieLens about half have 100 or fewer. */
const fewest = 20;

/** Sizes of a made-up archive: those of MovieLens 1M are 6,040 users, 3,706 films and 1,000,209 ratings. */
export interface MadeUpMovielens {
  readonly users: number;
  readonly films: number;
  /** Ratings of a user, at most. */
  readonly most: number;
}

/** The bytes of ml-1m.zip: movies.dat, users.dat and ratings.dat between `::`, in Latin-1, in a folder with a README. */
export function madeUpMovielens({ users, films, most }: MadeUpMovielens): Buffer {
  const { interactions, truth } = preferences({ users, items: films, ratings: { from: fewest, to: most }, step: 1 });
  const movies = Array.from({ length: films }, (_, i) => {
    const traits = truth.itemFactors.subarray(i * truth.factors, (i + 1) * truth.factors);
    const words = [...traits].flatMap((trait, f) =>
      Math.abs(trait) > 0.4 ? [genres[2 * f + Number(trait > 0)]!] : [],
    );
    const listed = words.length > 0 ? words : [genres[12 + (i % 6)]!];
    return `${i + 1}::Café ${i + 1}, Le (${1919 + ((31 * i) % 82)})::${listed.join("|")}\n`;
  });
  const people = Array.from({ length: users }, (_, u) => {
    const source = random(1, u);
    const zip = String(501 + 29 * source.integer(3402)).padStart(5, "0");
    return `${u + 1}::${source.integer(4) === 0 ? "F" : "M"}::${ages[source.integer(7)]}::${source.integer(21)}::${zip}\n`;
  });
  const rows: string[] = [];
  let [of, own] = [-1, 0];
  interactions.user.forEach((user, place) => {
    if (user !== of) [of, own] = [user, 0];
    own++;
    if (user % 2 === 0 && own > fewest + ((37 * user) % 81)) return;
    const time = 956_703_932 + 97 * place;
    rows.push(`${user + 1}::${interactions.item[place]! + 1}::${interactions.rating[place]}::${time}\n`);
  });
  return madeUpZip(
    Object.entries({
      "ml-1m/README": "SUMMARY\n",
      "ml-1m/movies.dat": movies.join(""),
      "ml-1m/users.dat": people.join(""),
      "ml-1m/ratings.dat": rows.join(""),
    }).map(([name, text]) => ({ name, data: Buffer.from(text, "latin1") })),
  );
}
