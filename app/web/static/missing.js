// The page for an address that leads nowhere.

import { wireLanguageButton } from "./i18n.js";

wireLanguageButton();
