/** MovieTweetings, X-Wines, and restaurants with what is known of their guests: ratings, in files with checksums. */
import { join } from "node:path";
import type { LongWork } from "@innerloop/experiments";
import { tableAt } from "../ratings/rating-files.js";
import {
  type GatheredRatings,
  type RatingTablesReading,
  readRatingTables,
  type WordPairs,
} from "../ratings/rating-tables.js";
import { knownRatings } from "./known-texts.js";

/** Reads the tables of a folder. */
const tablesOf =
  (
    files: { readonly ratings: string; readonly items: string; readonly users?: string },
    reading: (folder: string) => RatingTablesReading,
  ) =>
  (folder: string, work: LongWork): Promise<GatheredRatings> => {
    const at = (name: string) => tableAt(join(folder, name));
    const tables = { ratings: at(files.ratings), items: at(files.items) };
    return readRatingTables(
      files.users === undefined ? tables : { ...tables, users: at(files.users) },
      reading(folder),
      work,
    );
  };

/** MovieTweetings as one record: 100,000 ratings of 10,506 films, 0 to 10. Ids have leading zeros. */
export const movietweetings = knownRatings({
  kind: "movietweetings",
  licence: "MIT",
  source: "Dooms et al. 2013, github.com/sidooms/MovieTweetings, snapshots/100K",
  form: "ratings.csv (user,item,rating,timestamp) and items.csv (item,title,year,genres), the rows of the authors' ratings.dat and movies.dat",
  files: [
    {
      name: "ratings.csv",
      bytes: 2_645_128,
      sha256: "2e15d865ec01b5afa9942163f1253ce837c2953eccdfc60770d8e9d3cef14222",
    },
    {
      name: "items.csv",
      bytes: 500_513,
      sha256: "891701df8f093a19c4e597687b13076d0a9c823efe45dd95e6dc8e0162e0ee49",
    },
  ],
  read: tablesOf({ ratings: "ratings.csv", items: "items.csv" }, () => ({
    name: "movietweetings",
    itemAttributes: ["year:number", "genres:bag"],
    scale: { least: 0, most: 10 },
  })),
});

const wineFiles = [
  {
    name: "XWines_Slim_150K_ratings.csv",
    bytes: 7_978_519,
    sha256: "4eead4218c53418c2660c6c260b9f9ddf7d5ed30e16879d9c6e7081ae6c9c6c6",
  },
  {
    name: "XWines_Slim_1K_wines.csv",
    bytes: 426_141,
    sha256: "04d03b321108706f59c4c1067938ac0468382edf0f071110f33d1eaf0c884666",
  },
] as const;

const wineArchive = {
  url: "https://raw.githubusercontent.com/rogerioxavier/X-Wines/1d103e9/Dataset/last/XWines_Slim_1K_wines_150K_ratings.zip",
  sha256: "6ffd494e53eb4098b0e9cf38ffac6322967d6b0b8b5106a833f482bd58db9ebf",
  maximumBytes: 16 * 2 ** 20,
};

/** X-Wines, its slim version, as one record: 150,000 ratings of 1,007 wines, 1 to 5 in halves. */
export const xWines = knownRatings({
  kind: "x-wines",
  licence: "CC0 1.0",
  source: "de Azambuja et al. 2023, github.com/rogerioxavier/X-Wines",
  form: "its authors' XWines_Slim_150K_ratings.csv and XWines_Slim_1K_wines.csv",
  files: wineFiles,
  archive: wineArchive,
  // Country, region and winery once, and not their numbers as well.
  read: tablesOf({ ratings: wineFiles[0].name, items: wineFiles[1].name }, () => ({
    name: "x-wines",
    itemAttributes: [
      ...["Type:category", "Elaborate:category", "Grapes:bag", "Harmonize:bag", "ABV:number"],
      ...["Body:category", "Acidity:category", "Country:category", "RegionName:category", "WineryName:category"],
    ],
    scale: { least: 1, most: 5 },
  })),
});

const place = (folder: string, file: string, word: string, name: string): WordPairs => ({
  ...{ path: join(folder, file), id: "placeID", word, name },
});
const guest = (folder: string, file: string, word: string, name: string): WordPairs => ({
  ...{ path: join(folder, file), id: "userID", word, name },
});

const restaurantRows: readonly (readonly [name: string, bytes: number, sha256: string])[] = [
  ["rating_final.csv", 22_108, "fc994ea4e872365fc63e7f0bc970b36f86edeb4e80218d6a674a3d0e51181901"],
  ["userprofile.csv", 18_427, "914dab260f6d22f4a6bc46647fb86f656962cec59de2d7ff6580f95522cb2aac"],
  ["usercuisine.csv", 5_062, "2cb93a2c5432ccd0d2ece72e60ec0f79fd08339a78006ed8c945fd1100e90e80"],
  ["userpayment.csv", 2_323, "92b25576fd7582109e0ff12db60811cb8b4d1e01c102079c905ba9ffb138c696"],
  ["geoplaces2.csv", 19_563, "1a5a23ea2ad5d0a00cd28235ee2c18a118ac86fb5e026da544b30412c2a12930"],
  ["chefmozcuisine.csv", 15_214, "70fb1c59250039f00792b49d1c38e64c424935288f10564c463797dc828d533a"],
  ["chefmozaccepts.csv", 22_678, "c60001bd0009826c8d8fe29a692c57249960b05d2569ffdba222f0fbcd83e8f7"],
  ["chefmozparking.csv", 8_744, "ac9c536476334d9aa4d6093690bcedde22e9c9a85bf885d4a80cf2c3ce880902"],
];

/** Restaurants as one record: 1,161 ratings of 130 places by 138 users, of both of whom much is known. */
export const restaurants = knownRatings({
  kind: "restaurants",
  licence: "CC BY 4.0",
  source: "Vargas-Govea et al. 2011, UCI Restaurant and consumer data",
  form: "rating_final.csv, userprofile.csv, usercuisine.csv, userpayment.csv, geoplaces2.csv, chefmozcuisine.csv, chefmozaccepts.csv and chefmozparking.csv, in UTF-8, without addresses and the coordinates of users",
  files: restaurantRows.map(([name, bytes, sha256]) => ({ name, bytes, sha256 })),
  read: tablesOf({ ratings: "rating_final.csv", items: "geoplaces2.csv", users: "userprofile.csv" }, (folder) => ({
    name: "restaurants",
    itemAttributes: [
      ...["city", "state", "country", "alcohol", "smoking_area", "dress_code", "accessibility", "price", "Rambience"],
      ...["franchise", "area", "other_services", "cuisine:bag", "payment:bag", "parking:bag"],
    ],
    itemWords: [
      place(folder, "chefmozcuisine.csv", "Rcuisine", "cuisine"),
      place(folder, "chefmozaccepts.csv", "Rpayment", "payment"),
      place(folder, "chefmozparking.csv", "parking_lot", "parking"),
    ],
    userWords: [
      guest(folder, "usercuisine.csv", "Rcuisine", "cuisine"),
      guest(folder, "userpayment.csv", "Upayment", "payment"),
    ],
    scale: { least: 0, most: 2 },
  })),
});
