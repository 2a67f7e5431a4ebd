// Two hundred texts that want to be more than text: markup, attributes, addresses, templates, formulas, odd characters.
// Each leaves a mark where it gets its way: `hit` in the page, or an element of the name `probe-x`.

const HIT = "globalThis.hit=(globalThis.hit||0)+1";

const SEEDS = [
  `<script>${HIT}</script>`,
  `<img src=x onerror="${HIT}">`,
  `<svg/onload=${HIT}>`,
  `<probe-x></probe-x>`,
  `"><probe-x></probe-x>`,
  `'><probe-x></probe-x>`,
  `" onmouseover="${HIT}" autofocus onfocus="${HIT}" x="`,
  `' onmouseover='${HIT}' autofocus onfocus='${HIT}' x='`,
  `</textarea><probe-x></probe-x>`,
  `</title></head><body><probe-x></probe-x>`,
  `</option></select><probe-x></probe-x>`,
  `--><probe-x></probe-x><!--`,
  `]]><probe-x></probe-x>`,
  `javascript:${HIT}`,
  `<a href="javascript:${HIT}">click</a>`,
  `{{ 7*7 }}{% raw %}<probe-x></probe-x>`,
  `\${${HIT}}<probe-x></probe-x>`,
  `&lt;probe-x&gt;&#60;probe-x&#62;<probe-x>`,
  `<style>*{display:none}</style><probe-x></probe-x>`,
  `=HYPERLINK("http://elsewhere.example","<probe-x></probe-x>")`,
];

const SHAPES = [
  (it) => it,
  (it) => it.toUpperCase(),
  (it) => `Customer ${it} Ltd`,
  (it) => `${it}\u202e\u2066`,
  (it) => `\u00a0${it}\u00a0`,
  (it) => it.replaceAll("<", "<\u200b").concat(it),
  (it) => `${it}${it}${it}`,
  (it) => it.replaceAll("<", "\uff1c").replaceAll(">", "\uff1e").concat(it),
  (it) => `😈 ${it} أهلا 日本`,
  (it) => it.replaceAll(" ", "/").concat("\\", "'\""),
];

// As long as the shortest text may be.
export const HOSTILE = SEEDS.flatMap((seed) => SHAPES.map((shape) => shape(seed).slice(0, 240)));

/** Fills every text of a referral with one of them, but for those that have a form of their own. */
export function hostileDeal(text, number) {
  return {
    type: "Independent",
    qualification: "SalesQualified",
    name: `${number} ${text}`,
    externalReferenceId: text,
    campaignId: text,
    statusReason: text,
    customerProfile: {
      name: text,
      address: { addressLine1: text, addressLine2: text, city: text, state: text, postalCode: text, country: "BE", region: text },
      team: [{ firstName: text, lastName: text, phoneNumber: text, email: "customer@hostile.example", title: text }],
    },
    consent: { consentToToShareInfoWithOthers: true, consentToContact: true, consentToShareReferralWithMicrosoftSellers: false },
    details: {
      notes: text, dealValue: 1000, currency: "EUR", closingDateTime: "2027-06-30T00:00:00Z",
      requirements: {
        solutions: [{ id: `SOL-${text}`, name: text, type: "Name", publisherName: text }],
        industries: [{ id: text }], services: [{ id: text }],
        additionalRequirements: { attributes: [{ type: text, id: text }] },
      },
    },
    inviteContext: { notes: text, invitedBy: { organizationId: text, organizationName: text } },
    team: [{ firstName: text, lastName: text, phoneNumber: text, email: "alex.admin@contoso.example", title: text }],
  };
}

/** Says what has got its way on the page that is open; nothing, if all is well. */
export const gotItsWay = (page) =>
  page.evaluate(() => {
    const probes = document.querySelectorAll("probe-x, [onmouseover], [onerror], [onload], [onfocus], a[href^='javascript' i]");
    return [globalThis.hit ? `${globalThis.hit} scripts ran` : "", ...[...probes].map((it) => it.outerHTML.slice(0, 120))]
      .filter(Boolean).join("; ");
  });
