// People of both sides use the dashboard of a real server: deals are made and played, conflicts merged, views shared,
// roles taken away, and every page is judged. Usage: node walks.mjs URL FOLDER
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { PEOPLE, Seat, ensure, launch, walk } from "./browser.mjs";
import { HOSTILE, gotItsWay, hostileDeal } from "./hostile.mjs";

const [origin, folder] = process.argv.slice(2);
const token = process.env.LIAISON_TOKEN;
const REFERRALS = `${origin}/v1.0/engagements/referrals`;
const browser = await launch();
let seats = [];

const open = async (person, options) => {
  const seat = await Seat.open(browser, origin, options);
  seats.push(seat);
  return person ? seat.signIn(person) : seat;
};
const play = (name, steps) => walk(name, () => seats, folder, async () => {
  seats = [];
  await steps();
  for (const seat of seats) await seat.close();
});
/** What is rendered of a text does not depend on the database: told once. */
const playOnce = (name, steps) => (process.env.LIAISON_PAGES === "short" ? null : play(name, steps));

async function api(method, path, body) {
  const answer = await fetch(`${origin}${path}`, {
    method, body: body && JSON.stringify(body),
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json", Prefer: "return=representation" },
  });
  const text = await answer.text();
  ensure(answer.ok, `${method} ${path}: ${answer.status} ${text.slice(0, 3000)}`);
  return text ? JSON.parse(text) : null;
}

const field = (page, name) => page.locator(`[name="${name}"]`);
const next = (page) => page.getByRole("button", { name: "Continue" }).last().click();
const step = (page, name) => page.waitForURL((url) => url.searchParams.get("step") === name);

/** Goes through the wizard up to its help step. */
async function fillWizard(page, name) {
  await page.getByRole("link", { name: "New deal" }).first().click();
  await field(page, "customerProfile.name").fill("Blue Yonder Airlines");
  await next(page);
  // What is missing is said at its field, in the words of the API, and what was typed stays.
  await page.locator('[id="customerProfile.address.addressLine1-error"]').waitFor();
  ensure(await field(page, "customerProfile.name").inputValue() === "Blue Yonder Airlines", "the name was lost");
  await field(page, "customerProfile.address.addressLine1").fill("1 Runway Street");
  await field(page, "customerProfile.address.city").fill("Brussels");
  await field(page, "customerProfile.address.country").selectOption("BE");
  await field(page, "customerProfile.team.0.firstName").fill("Cora");
  await field(page, "customerProfile.team.0.lastName").fill("Customer");
  await field(page, "customerProfile.team.0.phoneNumber").fill("+32 2 555 01 00");
  await field(page, "customerProfile.team.0.email").fill("cora@blueyonder.example");
  await next(page);
  await step(page, "deal");
  await field(page, "name").fill(name);
  const places = field(page, "mpnId");
  if (!(await places.inputValue())) await places.selectOption({ index: 1 });
  await field(page, "details.dealValue").fill("12500.50");
  await field(page, "details.currency").selectOption("EUR");
  await field(page, "details.closingDateTime").fill("2027-06-30");
  await field(page, "details.notes").fill("They want to move before summer.");
  await next(page);
  await step(page, "intent");
  await page.locator('input[type="radio"]').first().check();
  await next(page);
  await step(page, "team");
  if (!(await field(page, "team.0.phoneNumber").inputValue())) await field(page, "team.0.phoneNumber").fill("+32 2 555 01 01");
  await next(page);
  await step(page, "solutions");
  await field(page, "details.requirements.solutions.pick").selectOption({ index: 1 });
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await field(page, "details.requirements.solutions.0.id").waitFor();
  await next(page);
  await step(page, "help");
}

const create = async (page) => {
  await page.getByRole("button", { name: "Create deal" }).click();
  await page.waitForURL(/\/deals\/[0-9a-f-]{36}/);
};

await mkdir(folder, { recursive: true });
// Nobody answers but the people of these walks.
await fetch(`${origin}/sandbox/counterparts/msft`, {
  method: "PUT", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ play: "silent" }),
}).then((it) => ensure(it.ok, `the counterpart stays: ${it.status}`));

await play("a co-sell deal is declined with a reason", async () => {
  const contoso = await open(PEOPLE.alex);
  await fillWizard(contoso.page, "Blue Yonder migration");
  await contoso.page.getByLabel(/General or other/).check();
  await field(contoso.page, "microsoft.inviteContext.notes").fill("Please help with the licences.");
  await field(contoso.page, "consent.consentToContact").check();
  await field(contoso.page, "consent.consentToToShareInfoWithOthers").check();
  await next(contoso.page);
  await step(contoso.page, "partners");
  await next(contoso.page);
  await step(contoso.page, "review");
  await contoso.judge("the wizard's review");
  await create(contoso.page);
  await contoso.judge("a new co-sell deal");
  const microsoft = await open(PEOPLE.mia);
  await microsoft.judge("Microsoft's home page");
  const task = microsoft.page.locator(".task", { hasText: "Blue Yonder migration" });
  await task.getByText("Decline").first().click();
  await task.locator("select").selectOption("Not a customer");
  await task.locator("textarea").fill("No account of that name.");
  await task.getByRole("button", { name: "Decline" }).click();
  await microsoft.page.getByText("Declined. The sender has been told why.").waitFor();
  // Contoso sees it without a reload, and reads why.
  await contoso.page.getByText("Not a customer: No account of that name.").first().waitFor();
});

await play("a deal of partners is accepted and won while both look on", async () => {
  const contoso = await open(PEOPLE.alex);
  await fillWizard(contoso.page, "Joint rollout");
  await contoso.page.locator('input[name="help"][value="private"]').check();
  await next(contoso.page);
  await step(contoso.page, "partners");
  await field(contoso.page, "search").fill("Fabrikam");
  await contoso.page.getByRole("button", { name: "Search" }).click();
  await contoso.page.getByRole("button", { name: /^Invite.*Fabrikam/ }).first().click();
  await field(contoso.page, "partners.0.inviteContext.notes").fill("Will you deliver this with us?");
  await field(contoso.page, "consent.consentToToShareInfoWithOthers").check();
  await next(contoso.page);
  await step(contoso.page, "review");
  await create(contoso.page);
  const fabrikam = await open(PEOPLE.fay);
  const task = fabrikam.page.locator(".task", { hasText: "Joint rollout" });
  await task.getByRole("link", { name: "Joint rollout" }).click();
  await fabrikam.page.locator("#act-accept").click();
  await fabrikam.page.locator("#accept button.primary").click();
  await fabrikam.page.getByText("Accepted. The sender has been told.").waitFor();
  await contoso.page.locator("#partners .badge.accepted").waitFor();
  for (const _ of ["Qualified", "Developed", "Proposed", "Negotiated"]) {
    const label = await fabrikam.page.locator("#next-stage").textContent();
    await fabrikam.page.locator("#next-stage").click();
    await fabrikam.page.waitForFunction((it) => document.querySelector("#next-stage")?.textContent !== it, label);
  }
  await fabrikam.page.locator("#act-win").click();
  await fabrikam.page.getByText("Congratulations: closed as won.").waitFor();
  await fabrikam.judge("a deal that was won");
  await contoso.page.locator("#partners .badge.won").waitFor();
  await contoso.judge("the other side of a deal that was won");
});

const deal = (name, more = {}) => ({
  name, type: "Independent", qualification: "SalesQualified",
  customerProfile: { name: "Wide World Importers", address: { addressLine1: "2 Harbour Road", city: "Antwerp", country: "BE" },
    team: [{ firstName: "Wim", lastName: "Klant", phoneNumber: "+32 3 555 01 00", email: "wim@wideworld.example" }] },
  consent: { consentToToShareInfoWithOthers: true, consentToContact: true },
  details: {
    notes: "First notes", dealValue: 900, currency: "EUR", closingDateTime: "2027-03-31T00:00:00Z",
    requirements: { solutions: [{ id: "SOL-34104-EBB", name: "Contoso Company", type: "Name" }] },
  },
  team: [{ firstName: "Alex", lastName: "Admin", phoneNumber: "1", email: PEOPLE.alex }],
  ...more,
});

await play("a conflict is merged", async () => {
  const { id } = await api("POST", "/v1.0/engagements/referrals", deal("Contested deal"));
  const [one, two] = [await open(PEOPLE.alex), await open(PEOPLE.alex)];
  for (const seat of [one, two]) {
    await seat.page.goto(`/deals/${id}`);
    await seat.page.locator("#edit-details").click();
  }
  const value = (seat) => seat.page.locator('#details [name="value"], #details [name="dealValue"]').first();
  const notes = (seat) => seat.page.locator("#details textarea").first();
  // Typed before the other saves: a form that nobody has touched takes in what is new by itself.
  await notes(one).fill("Second notes");
  await value(two).fill("1200");
  await two.page.locator("#details button.primary").click();
  await two.page.locator("#details form").waitFor({ state: "detached" });
  await one.page.locator("#details button.primary").click();
  await one.page.locator("#merge").waitFor();
  await one.judge("a conflict");
  await one.page.locator("#merge").click();
  await one.page.waitForURL((url) => url.pathname === `/deals/${id}`);
  const merged = await api("GET", `/v1.0/engagements/referrals/${id}`);
  ensure(merged.details.notes === "Second notes" && Number(merged.details.dealValue) === 1200, `merged: ${JSON.stringify(merged.details)}`);
});

await play("a view is saved, shared and exported", async () => {
  await api("POST", "/v1.0/engagements/referrals", deal("=Formula deal"));
  const alex = await open(PEOPLE.alex);
  await alex.page.goto("/deals?tab=outbound");
  await alex.page.locator("#filters summary").click();
  await alex.judge("the filters");
  await alex.page.locator('#filter-form [name="country"]').selectOption(["BE"]);
  await alex.page.locator("#filter-form button.primary").click();
  await alex.page.locator(".chip", { hasText: "Belgium" }).waitFor();
  const rows = await alex.page.locator("tr[data-row]").count();
  ensure(rows >= 3, `${rows} rows`);
  await alex.page.getByText("Views", { exact: false }).first().click();
  await alex.page.locator("#view-name").fill("Belgian deals");
  await alex.page.locator('#views [name="shared"]').check();
  await alex.page.locator("#views button.primary").click();
  await alex.page.waitForURL((url) => url.pathname === "/deals");
  // Whoever signs in again finds the filter; a colleague finds the view.
  await alex.page.goto("/signout");
  await alex.page.getByRole("button", { name: "Sign out" }).click();
  await alex.page.waitForLoadState();
  await alex.signIn(PEOPLE.alex);
  await alex.page.goto("/deals?tab=outbound");
  await alex.page.locator(".chip", { hasText: "Belgium" }).waitFor();
  const uma = await open(PEOPLE.uma);
  await uma.page.goto("/deals?tab=outbound");
  await uma.page.getByText("Views", { exact: false }).first().click();
  await uma.page.getByRole("link", { name: "Belgian deals" }).click();
  await uma.page.locator(".chip", { hasText: "Belgium" }).waitFor();
  for (const kind of ["csv", "xlsx"]) {
    await alex.page.goto("/deals?tab=outbound");
    await alex.page.getByText("Export", { exact: false }).first().click();
    const [download] = await Promise.all([alex.page.waitForEvent("download"), alex.page.locator(`#export-${kind}`).click()]);
    const file = `${folder}/deals.${kind}`;
    await download.saveAs(file);
    const content = await readFile(file);
    if (kind === "xlsx") {
      ensure(content.subarray(0, 2).toString() === "PK", "no XLSX");
    } else {
      const lines = content.toString().trim().split("\r\n").length - 1;
      ensure(lines === rows, `${lines} lines for ${rows} rows`);
      ensure(content.includes("'=Formula deal"), "a formula leaves as one");
    }
  }
});

await play("a role that is lowered bites at once", async () => {
  const ada = await open(PEOPLE.ada);
  await ada.page.goto("/administration/people/new");
  const person = { name: "Nina New", email: "nina.new@contoso.example", password: "a-password-of-some-length" };
  for (const [name, text] of Object.entries(person)) await field(ada.page, name).fill(text);
  await ada.page.locator("#role-referrals-admin").check();
  await ada.page.locator("#role-account-admin").check();
  await ada.page.locator("form button.primary").click();
  await ada.page.waitForURL((url) => url.pathname !== "/administration/people/new");
  const nina = await open();
  await nina.signIn(person.email, person.password);
  await nina.page.goto("/administration/people");
  await nina.page.getByRole("link", { name: "Nina New" }).waitFor();
  await ada.page.goto("/administration/people");
  await ada.page.getByRole("link", { name: "Nina New" }).click();
  await ada.page.locator("#role-account-admin").uncheck();
  await ada.page.locator("form button.primary").first().click();
  await ada.page.waitForURL(/done=/);
  const refused = await nina.page.goto("/administration/people");
  const isGone = refused.status() === 403 || new URL(nina.page.url()).pathname !== "/administration/people";
  ensure(isGone, `the role still opens administration: ${refused.status()} ${nina.page.url()}`);
});

await play("the main path by keyboard alone", async () => {
  await api("POST", "/v1.0/engagements/referrals", deal("Keyboard deal"));
  const seat = await open();
  const { page } = seat;
  const { keyboard } = page;
  await page.goto("/");
  await keyboard.type(PEOPLE.alex);
  await keyboard.press("Tab");
  await keyboard.type("sandbox-password");
  await keyboard.press("Enter");
  await page.waitForURL((url) => url.pathname === "/");
  // The first stop leads past the navigation.
  await keyboard.press("Tab");
  ensure(await page.evaluate(() => document.activeElement.matches(".skip")), "the first stop is no skip link");
  await keyboard.press("Enter");
  await keyboard.press("g");
  await keyboard.press("d");
  await page.waitForURL((url) => url.pathname === "/deals");
  await page.goto("/deals?tab=outbound");
  await keyboard.press("/");
  await keyboard.type("Keyboard");
  await keyboard.press("Enter");
  await page.waitForURL((url) => url.searchParams.get("q") === "Keyboard");
  await keyboard.press("j");
  await keyboard.press("Enter");
  await page.waitForURL(/\/deals\/[0-9a-f-]{36}/);
  const tabTo = async (selector) => {
    for (let stops = 0; stops < 120; stops += 1) {
      if (await page.evaluate((it) => document.activeElement?.matches(it), selector)) return;
      await keyboard.press("Tab");
    }
    throw new Error(`no stop at ${selector}`);
  };
  await tabTo("#act-win");
  const ring = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  ensure(ring !== "none", "the focus is not seen");
  await keyboard.press("Enter");
  await page.getByText("Congratulations: closed as won.").waitFor();
});

await play("reading, accepting and declining without scripts", async () => {
  for (const name of ["Silent one", "Silent two"]) {
    const { engagementId } = await api("POST", "/v1.0/engagements/referrals", deal(name));
    const target = [{ type: "BusinessProfileLocation", id: "msft" }];
    await api("POST", "/v1.0/engagements/referrals", deal(name, { engagementId, type: "Shared", target }));
  }
  const { page } = await open(PEOPLE.mia, { javaScriptEnabled: false });
  await page.locator(".task", { hasText: "Silent one" }).getByRole("button", { name: "Accept" }).click();
  await page.getByText("Accepted. The sender has been told.").waitFor();
  const other = page.locator(".task", { hasText: "Silent two" });
  await other.locator("summary").click();
  await other.locator("select").selectOption({ index: 1 });
  await other.getByRole("button", { name: "Decline" }).click();
  await page.getByText("Declined. The sender has been told why.").waitFor();
  await page.goto("/deals?tab=inbound");
  await page.getByRole("link", { name: "Silent one" }).click();
  await page.locator("h1", { hasText: "Silent one" }).waitFor();
});

await playOnce("two hundred hostile texts stay texts", async () => {
  const ids = [];
  for (const [number, text] of HOSTILE.entries()) {
    ids.push((await api("POST", "/v1.0/engagements/referrals", hostileDeal(text, number))).id);
  }
  const seat = await open(PEOPLE.alex);
  const { page } = seat;
  const look = async (path, where) => {
    await page.goto(path, { waitUntil: "domcontentloaded" });
    const found = await gotItsWay(page);
    ensure(!found, `${where}: ${found}`);
  };
  for (const [number, id] of ids.entries()) {
    await look(`/deals/${id}`, `text ${number}`);
    const heading = await page.locator("h1").textContent();
    ensure(heading.trim().length > 0, `text ${number} has no heading`);
  }
  for (let part = 1; part <= 2; part += 1) await look(`/deals?tab=outbound&size=100&page=${part}`, `page ${part} of the grid`);
  for (const text of HOSTILE.filter((_, number) => number % 10 === 0)) {
    await look(`/deals?tab=outbound&q=${encodeURIComponent(text)}`, "a search");
    await look(`/signin?next=${encodeURIComponent(text)}`, "a way back");
  }
  await look(`/deals/${ids[4]}?edit=details`, "the form");
  await look("/insights", "insights");
});

await playOnce("every page in light and dark, narrow and wide", async () => {
  await api("POST", "/sandbox/seed", { profile: "tiny" });
  const [{ id }] = (await api("GET", "/v1.0/engagements/referrals?$top=1&$orderby=createdDateTime")).value;
  const pages = {
    home: "/", inbound: "/deals?tab=inbound", outbound: "/deals?tab=outbound", favorites: "/deals?tab=favorites",
    leads: "/leads", deal: `/deals/${id}`, edit: `/deals/${id}?edit=team`, wizard: "/deals/new", insights: "/insights?period=365",
    notices: "/notices", preferences: "/preferences",
  };
  const administration = {
    organization: "/administration", people: "/administration/people",
    person: "/administration/people/new", solutions: "/administration/solutions", profiles: "/administration/profiles",
    webhooks: "/administration/webhooks", webhook: "/administration/webhooks/new", audit: "/administration/audit",
    requests: "/administration/requests", signout: "/signout",
  };
  const shots = process.env.LIAISON_SCREENSHOTS;
  const wrong = [];
  for (const [colorScheme, person, theirs] of ["light", "dark"].flatMap((it) => [[it, PEOPLE.alex, pages], [it, PEOPLE.ada, administration]])) {
    const seat = await open(person, { colorScheme });
    for (const [name, path] of Object.entries(theirs)) {
      const answer = await seat.page.goto(path);
      ensure(answer.status() === 200, `${path}: ${answer.status()}`);
      for (const width of [390, 1024, 1600]) {
        await seat.page.setViewportSize({ width, height: 900 });
        if (width !== 1024) await seat.judge(`${path}, ${colorScheme}, ${width} px`).catch((error) => wrong.push(error.message));
        if (shots) await seat.page.screenshot({ path: `${shots}/${name}-${colorScheme}-${width}.png`, fullPage: true });
      }
    }
    const policy = (await seat.page.goto("/")).headers()["content-security-policy"];
    ensure(policy.includes("script-src 'self'") && !policy.includes("unsafe"), policy);
  }
  ensure(wrong.length === 0, wrong.join("\n  "));
  const stranger = await open();
  await stranger.page.goto("/");
  await stranger.judge("the sign-in page");
  const dutch = await open(PEOPLE.alex, { locale: "nl-NL" });
  await dutch.page.getByRole("heading", { name: "Wacht op antwoord" }).first().waitFor();
  await dutch.judge("the home page in Dutch");
});

await browser.close();
