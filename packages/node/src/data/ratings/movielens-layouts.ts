/** Files of MovieLens and MovieTweetings, which have no line of names: what their columns are. */

/** How a file without a line of names is written. */
export interface KnownLayout {
  readonly separator: "::" | "\t" | "|";
  /** Of what `cellsOf` makes of a row. */
  readonly columns: readonly string[];
  /** The cells of a row, undefined where it has another number of fields. */
  cellsOf(fields: readonly string[]): readonly string[] | undefined;
  /** Kinds of columns that their cells do not show: numbers that are codes. */
  readonly kinds?: Readonly<Record<string, "number" | "category" | "bag">>;
  /** Whether it may be written in Latin-1, as those of before 2009 are. */
  readonly isLatin?: true;
}

const genresOf100k = [
  ...["unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama"],
  ...["Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western"],
];

/** Rows whose cells are their fields. */
const asWritten = (separator: KnownLayout["separator"], ...columns: readonly string[]): KnownLayout => ({
  separator,
  columns,
  cellsOf: (fields) => (fields.length === columns.length ? fields : undefined),
});

/** By file name: Harper and Konstan 2015, ml-100k, ml-1m and ml-10m; MovieTweetings writes the latter's. */
const layouts: Readonly<Record<string, KnownLayout>> = {
  "ratings.dat": asWritten("::", "UserID", "MovieID", "Rating", "Timestamp"),
  "movies.dat": { ...asWritten("::", "MovieID", "Title", "Genres"), kinds: { Genres: "bag" }, isLatin: true },
  "users.dat": {
    separator: "::",
    columns: ["UserID", "Gender", "Age", "Occupation", "Zip-code"],
    // MovieTweetings has a user's number at Twitter only, which says nothing of them.
    cellsOf: (fields) =>
      fields.length === 5 ? fields : fields.length === 2 ? [fields[0]!, "", "", "", ""] : undefined,
    // Ages are those of seven groups, by their youngest.
    kinds: { Gender: "category", Age: "category", Occupation: "category", "Zip-code": "category" },
    isLatin: true,
  },
  "u.data": asWritten("\t", "user id", "item id", "rating", "timestamp"),
  "u.item": {
    separator: "|",
    columns: ["movie id", "movie title", "genres"],
    // Beside them dates and an address; of each genre 1 or 0.
    cellsOf: (fields) =>
      fields.length === 5 + genresOf100k.length
        ? [fields[0]!, fields[1]!, genresOf100k.filter((_, place) => fields[5 + place] === "1").join("|")]
        : undefined,
    kinds: { genres: "bag" },
    isLatin: true,
  },
  "u.user": {
    ...asWritten("|", "user id", "age", "gender", "occupation", "zip code"),
    kinds: { age: "number", gender: "category", occupation: "category", "zip code": "category" },
    isLatin: true,
  },
};

/** The layout of a file, by its name without folders; undefined for tables that name their columns. */
export const layoutOf = (file: string): KnownLayout | undefined =>
  Object.hasOwn(layouts, file.toLowerCase()) ? layouts[file.toLowerCase()] : undefined;
