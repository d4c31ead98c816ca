"""Makes the desk's world: an orders database and an empty outbox, the same rows for the same seed.

python world.py [FOLDER] [--seed N]    (default: .demo below the working directory)
"""

import argparse
import os
import random
import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

TODAY = date(2026, 11, 16)
"""The day on which the desk's story plays; kept in the database, where the tools read it."""

CUSTOMERS, ORDERS, FIRST_ORDER = 500, 2000, 10001

SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE customers (
    id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
    language TEXT NOT NULL, address TEXT NOT NULL, since TEXT NOT NULL
);
CREATE TABLE orders (
    id TEXT PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers(id), placed_on TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('processing', 'shipped', 'delivered', 'cancelled')),
    address TEXT NOT NULL, carrier TEXT, tracking TEXT, expected_on TEXT NOT NULL, delivered_on TEXT,
    shipping_cents INTEGER NOT NULL
);
CREATE INDEX orders_of_customer ON orders (customer_id);
CREATE TABLE lines (
    order_id TEXT NOT NULL REFERENCES orders(id), position INTEGER NOT NULL, article TEXT NOT NULL,
    name TEXT NOT NULL, quantity INTEGER NOT NULL, cents INTEGER NOT NULL, PRIMARY KEY (order_id, position)
);
CREATE TABLE refunds (
    key TEXT PRIMARY KEY, order_id TEXT NOT NULL REFERENCES orders(id), cents INTEGER NOT NULL CHECK (cents > 0),
    reason TEXT NOT NULL, at TEXT NOT NULL
);
CREATE TABLE callbacks (
    key TEXT PRIMARY KEY, customer TEXT NOT NULL, "when" TEXT NOT NULL, about TEXT NOT NULL, at TEXT NOT NULL
);
CREATE TABLE changes (
    key TEXT PRIMARY KEY, order_id TEXT NOT NULL REFERENCES orders(id), what TEXT NOT NULL,
    before TEXT NOT NULL, after TEXT NOT NULL, at TEXT NOT NULL
);
"""


@dataclass(frozen=True)
class Country:
    """Where customers live: how they are called, and what an address looks like."""

    language: str
    domain: str
    first: str
    last: str
    streets: str
    cities: str
    carrier: str
    share: int

    def address(self, dice: random.Random) -> str:
        """A street, a number, a post code and a town, the way the country writes them."""
        street, number = dice.choice(self.streets.split("|")), dice.randrange(1, 140)
        house = f"{number} {street}" if self.language in ("en", "fr") else f"{street} {number}"
        return f"{house}, {dice.choice(self.cities.split('|'))}"


COUNTRIES = (
    Country("de", "post.example", "Anna Lukas Sabine Jürgen Miriam Tobias Heike Matthias Clara Stefan Ute Felix Greta",
            "Brandt Hoffmann Krüger Neumann Vogt Schäfer Lorenz Winkler Berger Arnold Seidel Kühn Pohl Haas",
            "Lindenstraße|Am Mühlbach|Goethestraße|Kirchgasse|Bergweg|Hafenstraße",
            "20095 Hamburg|50667 Köln|01067 Dresden|80331 München|79098 Freiburg|99084 Erfurt", "DHL", 26),
    Country("en", "mail.example", "Oliver Hannah Thomas Grace Edward Niamh Samuel Ruth Callum Imogen Peter Siobhan",
            "Whitfield Carrow Pemberton Doyle Ashby Mercer Lindsay Farrell Thorne Hargreaves Quill Moran",
            "Chapel Lane|High Street|Orchard Row|Station Road|Canal Walk|Mill Close",
            "D02 X285 Dublin|T12 W8KP Cork|V94 T28R Limerick|H91 E2K3 Galway|X91 PK15 Waterford", "GLS", 24),
    Country("fr", "courrier.example", "Camille Julien Sophie Antoine Élodie Mathieu Chloé Bernard Inès Laurent Manon",
            "Marchand Lefèvre Rousseau Girard Bonnet Fontaine Mercier Perrin Chevalier Gauthier Roche Blanchard",
            "rue des Lilas|avenue Foch|rue Victor-Hugo|quai de la Loire|rue du Moulin|place Carnot",
            "69002 Lyon|44000 Nantes|67000 Strasbourg|33000 Bordeaux|35000 Rennes|75011 Paris", "Colissimo", 18),
    Country("es", "correo.example", "Lucía Javier Carmen Álvaro Marta Sergio Elena Pablo Rocío Andrés Nuria Diego",
            "Ortega Navarro Iglesias Vidal Serrano Pascual Molina Cortés Ibáñez Lozano Rubio Campos",
            "Calle Mayor|Calle del Olivo|Avenida de la Paz|Calle Alcalá|Paseo del Río|Calle San Juan",
            "28013 Madrid|46002 Valencia|41001 Sevilla|50003 Zaragoza|48005 Bilbao", "SEUR", 12),
    Country("it", "posta.example", "Giulia Marco Francesca Davide Chiara Lorenzo Paola Stefano Elisa Matteo",
            "Ferrari Colombo Rinaldi Greco Marchetti Fabbri Villa Gallo Conti Moretti",
            "Via Garibaldi|Via Roma|Corso Italia|Via dei Mille|Viale Dante|Via Verdi",
            "20121 Milano|40121 Bologna|10121 Torino|50122 Firenze|16121 Genova", "BRT", 10),
    Country("nl", "brievenbus.example", "Sanne Daan Lotte Bram Femke Joris Anouk Pieter Maaike Ruben",
            "Visser Mulder Bakker Dekker Hendriks Kuiper Prins Verhoeven Willems Postma",
            "Dorpsstraat|Kerkstraat|Prinsengracht|Molenweg|Stationsplein|Havenkade",
            "1012 AB Amsterdam|3511 LX Utrecht|9712 CP Groningen|2312 KD Leiden|5611 EM Eindhoven", "PostNL", 7),
    Country("ja", "tegami.example", "Haruka Kenji Yuki Takumi Aiko Naoto Emi Sho",
        "Tanaka Mori Fujita Ogawa Hayashi Ueda Kondo Sakai",
            "Sakuragaoka-cho|Honmachi|Nishi-machi|Aoba-dori|Minami-cho",
            "150-0031 Tokyo|530-0001 Osaka|604-8001 Kyoto|980-0811 Sendai", "Yamato", 3),
)  # fmt: skip


@dataclass(frozen=True)
class Article:
    """A line of the price list."""

    code: str
    name: str
    cents: int


def articles(prices: Path) -> list[Article]:
    """The articles of the price list, in its order."""
    rows = re.findall(r"^\| ([A-Z]{2}-\d+) \| (.+?) \| (\d+)\.(\d\d) \|$", prices.read_text("utf-8"), re.MULTILINE)
    return [Article(code, name, int(euros) * 100 + int(cents)) for code, name, euros, cents in rows]


def make_world(folder: Path, seed: int = 7, orders: int = ORDERS) -> Path:
    """Make `folder` with orders.db and outbox/; the database appears whole or not at all.

    Args:
        folder: Where; it need not be there yet.
        seed: The same seed gives the same rows.
        orders: How many there are.

    Returns:
        The database's path. A database that is already there is left as it is.
    """
    (folder / "outbox").mkdir(parents=True, exist_ok=True)
    database = folder / "orders.db"
    if not database.exists():
        making = folder / f".orders-{os.getpid()}.db"
        making.unlink(missing_ok=True)
        with closing(sqlite3.connect(making)) as connection, connection:
            connection.executescript(SCHEMA)
            _fill(connection, random.Random(seed), orders)
        os.replace(making, database)
    return database


def _fill(connection: sqlite3.Connection, dice: random.Random, orders: int) -> None:
    connection.execute("INSERT INTO meta VALUES ('today', ?)", (TODAY.isoformat(),))
    homes = [_customer(connection, number, dice) for number in range(1, CUSTOMERS + 1)]
    goods = articles(Path(__file__).with_name("prices.md"))
    days = sorted((_placed(dice) for _ in range(orders)), reverse=True)
    for number, age in enumerate(days, FIRST_ORDER):
        customer = dice.randrange(CUSTOMERS) if dice.random() < 0.7 else dice.randrange(CUSTOMERS // 10)
        _order(connection, f"F-{number}", customer + 1, homes[customer], TODAY - timedelta(days=age), goods, dice)


def _placed(dice: random.Random) -> int:
    """Age of an order in days: most are recent, some go back a year and a half."""
    return int(dice.random() ** 2 * 540)


def _customer(connection: sqlite3.Connection, number: int, dice: random.Random) -> tuple[Country, str]:
    country = dice.choices(COUNTRIES, [each.share for each in COUNTRIES])[0]
    first, last = dice.choice(country.first.split()), dice.choice(country.last.split())
    email = f"{_ascii(first)}.{_ascii(last)}@{country.domain}"
    if connection.execute("SELECT 1 FROM customers WHERE email = ?", (email,)).fetchone():
        email = f"{_ascii(first)}.{_ascii(last)}{number}@{country.domain}"
    address = country.address(dice)
    since = TODAY - timedelta(days=540 + dice.randrange(900))
    connection.execute(
        "INSERT INTO customers VALUES (?, ?, ?, ?, ?, ?)",
        (number, email, f"{first} {last}", country.language, address, since.isoformat()),
    )
    return country, address


def _ascii(name: str) -> str:
    spelled = name.lower().replace("ä", "ae").replace("ö", "oe").replace("ü", "ue").replace("ß", "ss")
    return spelled.translate(str.maketrans("áàâéèêëíìîïóòôúùûñç", "aaaeeeeiiiiooouuunc"))


def _order(
    connection: sqlite3.Connection, order_id: str, customer: int, home: tuple[Country, str], placed: date,
    goods: list[Article], dice: random.Random,
) -> None:  # fmt: skip
    country, address = home
    lines = [
        (article, dice.choice((1, 1, 1, 1, 2, 2, 4))) for article in dice.sample(goods, dice.choice((1, 1, 1, 2, 2, 3)))
    ]
    goods_cents = sum(article.cents * quantity for article, quantity in lines)
    shipping = 1400 if country.language == "ja" else 0 if goods_cents >= 7500 else 490
    left = placed + timedelta(days=dice.randrange(1, 4))
    expected = left + timedelta(days=dice.randrange(2, 5) + (6 if country.language == "ja" else 0))
    arrived = expected + timedelta(days=dice.choice((-1, 0, 0, 0, 0, 1, 1, 2, 6)))
    cancelled = dice.random() < 0.03
    status = "delivered" if arrived < TODAY else "shipped" if left < TODAY else "processing"
    gone = status in ("shipped", "delivered") and not cancelled
    tracking = f"{country.carrier[:2].upper()}{dice.randrange(10**9, 10**10)}"
    connection.execute(
        "INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (order_id, customer, placed.isoformat(), "cancelled" if cancelled else status, address,
         country.carrier if gone else None, tracking if gone else None, expected.isoformat(),
         arrived.isoformat() if gone and status == "delivered" else None, shipping),
    )  # fmt: skip
    for position, (article, quantity) in enumerate(lines, 1):
        row = (order_id, position, article.code, article.name, quantity, article.cents)
        connection.execute("INSERT INTO lines VALUES (?, ?, ?, ?, ?, ?)", row)
    if gone and status == "delivered" and dice.random() < 0.03:
        past = (f"before-{order_id}", order_id, lines[0][0].cents, "damaged on arrival", arrived.isoformat())
        connection.execute("INSERT INTO refunds VALUES (?, ?, ?, ?, ?)", past)


def main() -> None:
    """Make the world from the command line."""
    parser = argparse.ArgumentParser(description="Make the desk's orders database and outbox.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(".demo"))
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    print(make_world(arguments.folder, arguments.seed))


if __name__ == "__main__":
    main()
