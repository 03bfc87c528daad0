// Drives a real VS Code in a browser, step by step as lines of JSON on stdin ask for; answers each with a line of JSON.
const { chromium } = require('playwright-core');
const readline = require('node:readline');

const [url, browserPath] = process.argv.slice(2);
const WAIT = 60000;

// the row of a list of choices that is called so
function row(page, name) {
  const called = new RegExp(`^${name.replace(/[^\w ]/g, '\\$&')}$`);
  return page.locator('.quick-input-list .monaco-list-row', { has: page.locator('.label-name', { hasText: called }) }).first();
}

// commands come one after the other while the workbench starts
async function command(page, title) {
  for (const end = Date.now() + WAIT; ; ) {
    await page.keyboard.press('F1');
    await page.waitForSelector('.quick-input-widget input', { state: 'visible', timeout: WAIT });
    await page.keyboard.type(title);
    try {
      await row(page, title).waitFor({ timeout: 3000 });
      await page.keyboard.press('Enter');
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
      await page.keyboard.press('Escape');
    }
  }
}

const steps = {
  async command({ page }, { title }) {
    await command(page, title);
  },
  // what a command offers, once it offers `one`; while the workbench starts it may be asked in vain
  async offer({ page }, { title, one }) {
    for (const end = Date.now() + WAIT; ; ) {
      await command(page, title);
      try {
        await row(page, one).waitFor({ timeout: 5000 });
        return page.locator('.quick-input-list .monaco-list-row .label-name').allInnerTexts();
      } catch (error) {
        if (Date.now() > end) throw error;
        await page.keyboard.press('Escape');
      }
    }
  },
  // what is offered next
  async picks({ page }, { one }) {
    await row(page, one).waitFor({ timeout: WAIT });
    return page.locator('.quick-input-list .monaco-list-row .label-name').allInnerTexts();
  },
  async pick({ page }, { one }) {
    await row(page, one).click({ timeout: WAIT });
  },
  // what the Problems panel says, once it holds a text; a task that starts brings the terminal to the front again
  async problems({ page }, { text }) {
    for (const end = Date.now() + WAIT; ; ) {
      await page.locator('.part.panel .action-item', { hasText: 'Problems' }).first().click({ timeout: WAIT });
      try {
        await page.locator('.markers-panel-container', { hasText: text }).first().waitFor({ timeout: 3000 });
        return page.locator('.markers-panel-container').first().innerText();
      } catch (error) {
        if (Date.now() > end) throw error;
      }
    }
  },
  async open({ page }, { name }) {
    await page.keyboard.press('Control+P');
    await page.waitForSelector('.quick-input-widget input', { state: 'visible', timeout: WAIT });
    await page.keyboard.type(name);
    await row(page, name).click({ timeout: WAIT });
    await page.locator('.tab.active', { hasText: name }).waitFor({ timeout: WAIT });
  },
  async screenshot({ page }, { path }) {
    await page.screenshot({ path });
  },
};

(async () => {
  const args = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'];
  const browser = await chromium.launch({ executablePath: browserPath, headless: true, args });
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  await page.goto(url, { waitUntil: 'domcontentloaded' });
  await page.waitForSelector('.explorer-folders-view .monaco-list-row', { timeout: WAIT });
  console.log(JSON.stringify({ ready: true }));
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { step, ...values } = JSON.parse(line);
    try {
      console.log(JSON.stringify({ value: (await steps[step]({ page }, values)) ?? null }));
    } catch (error) {
      console.log(JSON.stringify({ error: String(error) }));
    }
  }
  await browser.close();
})();
