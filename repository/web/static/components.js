// The Design System's own behaviour: of the components that our pages use, so that no page fetches the others.
import {
  Button,
  CharacterCount,
  Checkboxes,
  ErrorSummary,
  FileUpload,
  NotificationBanner,
  Radios,
  ServiceNavigation,
  SkipLink,
  Tabs,
  createAll,
} from "govuk-frontend";

const USED = [Button, CharacterCount, Checkboxes, ErrorSummary, FileUpload, NotificationBanner, Radios, ServiceNavigation, SkipLink, Tabs];

/** Makes the components of a page, or of a part put into it, behave. @param {Document|Element} scope */
export function equipComponents(scope) {
  for (const component of USED) createAll(component, undefined, { scope });
}
